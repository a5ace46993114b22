"use strict";

const KEY = "alga-key";
const MOST_LINES = 500;
const at = (id) => document.getElementById(id);
let chosen = null;
let lastEvent = null;
let refreshing = null;

function headers(more) {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}`, ...more } : { ...more };
}

async function ask(path, method = "GET", body = null) {
  const options = { method, headers: headers(body ? { "Content-Type": "application/json" } : {}) };
  if (body) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  if (answer.status === 401) {
    at("entry").hidden = false;
    throw new Error("An API key is needed.");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.detail || content.error || answer.statusText);
  return content;
}

function show(problem) {
  at("problem").textContent = problem ? problem.message : "";
  at("problem").hidden = !problem;
}

function cell(row, text, kind) {
  const made = row.insertCell();
  if (kind === "state") {
    const label = document.createElement("span");
    label.className = `state ${text}`;
    label.textContent = text;
    made.append(label);
  } else {
    made.textContent = text ?? "";
    if (kind) made.className = kind;
  }
  return made;
}

function button(parent, text, work) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", async (event) => {
    event.stopPropagation();
    try {
      await work();
      show(null);
    } catch (error) {
      show(error);
    }
    later();
  });
  parent.append(made);
}

const short = (hash) => hash.slice(0, 12);
const number = (value) => (value === null || value === undefined ? "" : Math.round(value * 10) / 10);

function fill(id, items, each) {
  const body = at(id);
  body.replaceChildren();
  for (const item of items) each(body.insertRow(), item);
}

function projectRow(row, project, worker) {
  const current = worker.versions.find((version) => version.state === "current");
  row.className = project.id === chosen ? "chosen" : "";
  row.addEventListener("click", () => choose(project.id));
  cell(row, project.name);
  cell(row, project.asleep ? "asleep" : project.desired, "state");
  cell(row, worker.status, "state");
  cell(row, current ? short(current.hash) : "none", "code");
  cell(row, project.queue, "code");
  const actions = row.insertCell();
  const address = `/v1/projects/${project.id}/worker`;
  button(actions, "start", () => ask(address, "PUT", { desired: "running" }));
  button(actions, "stop", () => ask(address, "PUT", { desired: "stopped" }));
  button(actions, "restart", () => ask(`${address}/restart`, "POST"));
}

async function showChosen(projects) {
  const project = projects.find((each) => each.id === chosen);
  at("detail").hidden = !project;
  if (!project) return;
  const address = `/v1/projects/${chosen}`;
  const [worker, statistics] = await Promise.all([
    ask(`${address}/worker`), ask(`${address}/statistics`),
  ]);
  at("name").textContent = `${project.name} (${project.id})`;
  fill("versions", worker.versions, (row, version) => {
    cell(row, short(version.hash), "code");
    cell(row, version.state, "state");
    cell(row, version.state === "ramping" ? `${version.rampPercent} %` : "");
    cell(row, new Date(version.since).toLocaleString());
    cell(row, version.quarantinedAt ? `quarantined: ${version.reason}` : version.reason);
  });
  fill("instances", worker.instances, (row, each) => {
    cell(row, each.slot);
    cell(row, each.state, "state");
    cell(row, short(each.hash), "code");
    for (const text of [each.host, each.pid, number(each.cpuPercent), number(each.memoryMb),
      each.tasksCompleted, each.tasksFailed, each.reason]) cell(row, text);
  });
  fill("activities", statistics.items, (row, each) => {
    for (const text of [each.activity, each.ok, each.failed, number(each.meanMs),
      number(each.p95Ms), number(each.p99Ms)]) cell(row, text);
  });
}

async function refresh() {
  refreshing = null;
  try {
    const projects = (await ask("/v1/projects?limit=200")).items;
    const workers = await Promise.all(projects.map((each) => ask(`/v1/projects/${each.id}/worker`)));
    fill("projects", projects, (row, project) =>
      projectRow(row, project, workers[projects.indexOf(project)]));
    await showChosen(projects);
    show(null);
  } catch (error) {
    show(error);
  }
}

function later() {
  refreshing ??= setTimeout(refresh, 200);
}

async function choose(id) {
  chosen = id;
  at("log").textContent = "";
  try {
    const lines = (await ask(`/v1/projects/${id}/logs?limit=200`)).items;
    for (const line of lines) write(line);
  } catch (error) {
    show(error);
  }
  later();
}

function write(line) {
  const log = at("log");
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 5;
  log.append(`${line.at.slice(11, 23)} ${line.line}\n`);
  while (log.childNodes.length > MOST_LINES) log.firstChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

function take(text) {
  const fields = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = value;
  }
  if (fields.id) lastEvent = fields.id;
  if (!fields.data) return;
  const event = JSON.parse(fields.data);
  if (fields.event === "line" && event.projectId === chosen) write(event);
  if (fields.event === "instance") later();
}

// EventSource cannot send a key.
async function listen() {
  const more = lastEvent === null ? {} : { "Last-Event-ID": lastEvent };
  const answer = await fetch("/v1/events", { headers: headers(more) });
  if (!answer.ok) throw new Error(answer.statusText);
  at("link").textContent = "live";
  at("link").className = "state live";
  later();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    parts.forEach(take);
  }
}

async function stayConnected() {
  for (;;) {
    try {
      await listen();
    } catch {
      // Said below; it is tried again.
    }
    at("link").textContent = "not connected";
    at("link").className = "state lost";
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

at("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value.trim());
  at("key").value = "";
  at("entry").hidden = true;
  later();
});
setInterval(later, 15000);
refresh();
stayConnected();

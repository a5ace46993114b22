"use strict";

const KEY = "alga-key";
const PAGE = 50;
const MOST_LINES = 500;
const AT_A_TIME = 6;
const EVERY = 15000;

const at = (id) => document.getElementById(id);
let needsKey = document.documentElement.dataset.key === "needed";

/* What is shown: projects in their order, and the worker of each by the project's id. */
const projects = new Map();
const workers = new Map();
let statistics = [];
let after = null;
let chosen = null;
let lastLine = 0;
let lastEvent = null;
let connection = null;

/* --- asking the service --- */

function headers(more) {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}`, ...more } : { ...more };
}

function askForKey(problem) {
  needsKey = true;
  sessionStorage.removeItem(KEY);
  connection?.abort();
  at("forget").hidden = true;
  at("content").hidden = true;
  at("entry").hidden = false;
  at("key").focus();
  show(problem);
}

const isReady = () => !needsKey || sessionStorage.getItem(KEY) !== null;

async function ask(path, method = "GET", body = null) {
  const options = { method, headers: headers(body ? { "Content-Type": "application/json" } : {}) };
  if (body) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (answer.ok) return content;
  const problem = new Error(content.detail || content.error || answer.statusText);
  if (answer.status === 401) askForKey(problem);
  throw problem;
}

function show(problem) {
  at("problem").textContent = problem ? problem.message : "";
  at("problem").hidden = !problem;
}

/* Whatever fails is shown; what was shown goes when something succeeds. */
async function trying(work) {
  try {
    await work();
    show(null);
  } catch (error) {
    show(error);
  }
}

async function each(items, work) {
  const waiting = [...items];
  const hands = Array.from({ length: AT_A_TIME }, async () => {
    while (waiting.length) await work(waiting.shift());
  });
  await Promise.all(hands);
}

/* --- parts of the page --- */

function cell(row, text, kind = "") {
  const made = row.insertCell();
  const titles = row.closest("table").tHead.rows[0].cells;
  made.dataset.label = titles[made.cellIndex].textContent;
  made.className = kind;
  made.textContent = text ?? "";
  return made;
}

function stateCell(row, state) {
  const label = document.createElement("span");
  label.className = `state ${state}`;
  label.textContent = state;
  cell(row, "").append(label);
}

/* `name` is the same for the same button when the row is made anew, so that it keeps the focus. */
function button(parent, text, name, work, kind = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = text;
  made.dataset.name = name;
  made.addEventListener("click", () => trying(work));
  parent.append(made);
  return made;
}

function fill(id, items, make, none) {
  const body = at(id);
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.name : null;
  body.replaceChildren();
  for (const item of items) make(body.insertRow(), item);
  if (!items.length && none) {
    const row = body.insertRow();
    row.className = "none";
    cell(row, none).colSpan = 99;
  }
  if (!focused) return;
  const found = [...body.querySelectorAll("button")].find((one) => one.dataset.name === focused);
  found?.focus();
}

const short = (hash) => hash.slice(0, 12);
const figure = (value) => (value === null ? "" : Math.round(value * 10) / 10);

function projectRow(row, project) {
  const worker = workers.get(project.id);
  const current = worker?.versions.find((version) => version.state === "current");
  row.className = project.id === chosen ? "chosen" : "";
  const name = button(cell(row, ""), project.name, `${project.id} name`, () => choose(project.id), "name");
  name.setAttribute("aria-pressed", String(project.id === chosen));
  const wanted = worker ?? project;
  stateCell(row, wanted.desired === "running" && wanted.asleep ? "asleep" : wanted.desired);
  stateCell(row, current?.quarantinedAt ? "quarantined" : worker?.status ?? "…");
  cell(row, current ? short(current.hash) : "none", "code");
  cell(row, project.queue, "code");
  const actions = cell(row, "", "actions");
  const address = `/v1/projects/${project.id}/worker`;
  const wish = (text, work) => {
    const made = button(actions, text, `${project.id} ${text}`, async () => {
      workers.set(project.id, await work());
      render();
    });
    made.setAttribute("aria-label", `${text} ${project.name}`);
  };
  wish("Start", () => ask(address, "PUT", { desired: "running" }));
  wish("Stop", () => ask(address, "PUT", { desired: "stopped" }));
  wish("Restart", () => ask(`${address}/restart`, "POST"));
}

function troubleOf(version) {
  const listed = (version.moveFindings ?? []).map((finding) => finding.message);
  if (version.reason) listed.unshift(version.reason);
  return listed.join("\n");
}

function versionRow(row, version) {
  cell(row, short(version.hash), "code");
  stateCell(row, version.quarantinedAt ? "quarantined" : version.state);
  cell(row, version.state === "ramping" ? `${version.rampPercent} %` : "");
  cell(row, new Date(version.since).toLocaleString());
  cell(row, troubleOf(version), "trouble");
}

function instanceRow(row, one) {
  cell(row, one.slot);
  stateCell(row, one.state);
  cell(row, short(one.hash), "code");
  cell(row, one.host, "code");
  cell(row, one.pid, "code");
  for (const value of [one.cpuPercent, one.memoryMb]) cell(row, figure(value), "figure");
  for (const value of [one.tasksCompleted, one.tasksFailed]) cell(row, value, "figure");
}

function activityRow(row, one) {
  cell(row, one.activity);
  cell(row, short(one.hash), "code");
  for (const value of [one.ok, one.failed]) cell(row, value, "figure");
  for (const value of [one.meanMs, one.p95Ms, one.p99Ms]) cell(row, figure(value), "figure");
}

function render() {
  fill("projects", [...projects.values()], projectRow);
  at("none").hidden = projects.size > 0;
  at("more").hidden = after === null;
  const project = projects.get(chosen);
  const worker = workers.get(chosen);
  at("detail").hidden = !project || !worker;
  if (!project || !worker) return;
  at("name").textContent = project.name;
  at("about").textContent = [project.description, project.id].filter(Boolean).join(" · ");
  fill("versions", worker.versions, versionRow, "Nothing was activated yet.");
  fill("instances", worker.instances, instanceRow, "No process.");
  fill("activities", statistics, activityRow, "Nothing was executed yet.");
}

/* --- what is known, and getting to know it --- */

async function look(id) {
  workers.set(id, await ask(`/v1/projects/${id}/worker`));
}

async function take(page) {
  for (const project of page.items) projects.set(project.id, project);
  after = page.next;
  render();
  await each(page.items, async (project) => look(project.id));
  render();
}

async function refresh() {
  const first = await ask(`/v1/projects?limit=${PAGE}`);
  const known = [...projects.values()].slice(first.items.length);
  const rest = first.next === null ? [] : known;
  const further = rest.length ? after : first.next;
  projects.clear();
  for (const project of [...first.items, ...rest]) projects.set(project.id, project);
  await take({ items: first.items, next: further });
  at("content").hidden = false;
  at("forget").hidden = sessionStorage.getItem(KEY) === null;
  if (projects.has(chosen)) await figures();
}

async function figures() {
  const of = chosen;
  const found = (await ask(`/v1/projects/${of}/statistics`)).items;
  if (of !== chosen) return;
  statistics = found;
  render();
}

async function choose(id) {
  chosen = id;
  statistics = [];
  lastLine = 0;
  at("log").replaceChildren();
  await look(id);
  render();
  const lines = (await ask(`/v1/projects/${id}/logs?limit=200`)).items;
  if (id === chosen) lines.forEach(write);
  await figures();
}

/* Lines come by themselves and by being asked for; each is written once. */
function write(line) {
  if (line.id !== undefined && line.id <= lastLine) return;
  lastLine = line.id ?? lastLine;
  const log = at("log");
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  const made = document.createElement("div");
  made.className = line.stream;
  const time = document.createElement("time");
  time.dateTime = line.at;
  time.textContent = new Date(line.at).toLocaleTimeString();
  made.append(time, line.line);
  log.append(made);
  while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

const changed = new Set();
function laterLook(id) {
  if (!changed.size) {
    setTimeout(() => trying(async () => {
      const ids = [...changed];
      changed.clear();
      if (ids.some((one) => !projects.has(one))) await refresh();
      else await each(ids, look);
      render();
      if (ids.includes(chosen)) await figures();
    }), 150);
  }
  changed.add(id);
}

/* --- events --- */

function happened(text) {
  const fields = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = value;
  }
  if (fields.id) lastEvent = fields.id;
  if (!fields.data) return;
  const event = JSON.parse(fields.data);
  if (fields.event === "line" && event.projectId === chosen) write({ ...event, id: Number(fields.id) });
  if (fields.event === "instance") laterLook(event.projectId);
}

function linked(text, kind) {
  at("link").textContent = text;
  at("link").className = `state ${kind}`;
}

/* EventSource cannot send a key. */
async function listen() {
  connection = new AbortController();
  const more = lastEvent === null ? {} : { "Last-Event-ID": lastEvent };
  const answer = await fetch("/v1/events", { headers: headers(more), signal: connection.signal });
  if (!answer.ok) throw new Error(answer.statusText);
  linked("live", "live");
  trying(refresh);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    parts.forEach(happened);
  }
}

const seconds = (count) => new Promise((resolve) => { setTimeout(resolve, count * 1000); });

async function stayConnected() {
  for (;;) {
    if (isReady()) {
      try {
        linked("connecting", "starting");
        await listen();
      } catch (error) {
        if (error.name !== "AbortError" && !(error instanceof TypeError)) await trying(refresh);
      }
    }
    if (isReady()) linked("not connected", "lost");
    else linked("waiting for a key", "");
    await seconds(1);
  }
}

at("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value.trim());
  at("key").value = "";
  at("entry").hidden = true;
  show(null);
});
at("forget").addEventListener("click", () => {
  projects.clear();
  workers.clear();
  chosen = null;
  render();
  askForKey(null);
});
at("more").addEventListener("click", () => trying(async () => {
  await take(await ask(`/v1/projects?limit=${PAGE}&after=${encodeURIComponent(after)}`));
}));
setInterval(() => {
  if (isReady() && !document.hidden) trying(refresh);
}, EVERY);
if (!isReady()) askForKey(null);
stayConnected();

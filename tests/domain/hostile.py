"""Modules that try to leave a project's code, each with the rule that stops it."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.projects.findings import Rule

ACTIVITY = """
from temporalio import activity as a_

@a_.defn
async def act() -> str:
    return "done"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """The files of a bundle whose manifest fits, and a rule that it breaks."""

    files: dict[str, str]
    rule: Rule


def _one(text: str, rule: Rule) -> Hostile:
    return Hostile(files={"evil.py": f"{ACTIVITY}\n{text}\n"}, rule=rule)


_IMPORTS = {
    "import-os": "import os\nos.system('id')",
    "import-ctypes": "import ctypes\nctypes.CDLL(None).system(b'id')",
    "import-gc": "import gc\n[o for o in gc.get_objects() if getattr(o, 'system', None)]",
    "import-sys-in-function": "def f():\n    import sys\n    return sys.modules['os']",
    "import-conditional": "if act:\n    import subprocess",
    "import-in-try": "try:\n    import socket as s\nexcept ImportError:\n    s = None",
    "import-inspect": "import inspect\ninspect.currentframe().f_back",
    "import-importlib": "import importlib\nimportlib.import_module('os')",
    "import-builtins": "import builtins\nbuiltins.eval('1')",
    "import-pickle": "import pickle\npickle.loads(b'')",
    "import-types": "from types import FunctionType",
    "import-traceback": "import traceback",
    "import-threading": "import threading",
    "import-multiprocessing": "from multiprocessing import Process",
    "import-star": "from json import *",
    "import-codecs-of-json": "from json import codecs",
    "import-sys-of-dataclasses": "from dataclasses import sys as x",
    "import-os-of-random": "from random import _os",
    "import-logging-config": "import logging.config\nlogging.config.dictConfig({})",
    "import-path-outside": "from ... import secrets",
    "import-lookalike": "import \uff4fs",
    "import-temporal-client": "from temporalio.client import Client",
    "import-temporal-worker": "import temporalio.worker",
    "import-site-package": "import psycopg",
    "import-operator-attrgetter": "from operator import attrgetter\nattrgetter('__globals__')(act)",
    "import-enum-type": "from enum import EnumType\nEnumType('X', (), {})",
    "import-abc-meta": "from abc import ABCMeta\nABCMeta('X', (), {'__getattr__': 1})",
    "import-make-dataclass": "from dataclasses import make_dataclass\n"
    "make_dataclass('X', [('a', '__import__(\"os\")')])",
    "import-fields": "from dataclasses import fields",
    "import-get-type-hints": "from typing import get_type_hints\nget_type_hints(act)",
    "import-forward-ref": "from typing import ForwardRef",
    "import-get-origin": "from typing import Type, get_origin\nget_origin(Type[int])('X', (), {})",
    "import-singledispatch": "from functools import singledispatch",
    "import-update-wrapper": "from functools import update_wrapper\n"
    "update_wrapper(act, act, ('__globals__',))",
    "import-redirect": "from contextlib import redirect_stdout",
    "import-to-thread": "from asyncio import to_thread",
    "import-system-random": "from random import SystemRandom",
    "import-formatter": "from string import Formatter\nFormatter().format('{0.__globals__}', act)",
    "import-uuid-getnode": "from uuid import getnode",
    "import-unsafe": "from temporalio.workflow.unsafe import sandbox_unrestricted",
    "import-pydantic": "from pydantic import ImportString",
}

_MEMBERS = {
    "member-dataclasses-sys": "import dataclasses\ndataclasses.sys.modules",
    "member-asyncio-subprocess": "import asyncio\nasyncio.subprocess.create_subprocess_exec",
    "member-asyncio-loop": "import asyncio\nasyncio.get_running_loop().subprocess_shell('id', 'x')",
    "member-asyncio-base": "import asyncio.base_events",
    "member-json-decoder": "import json\njson.decoder.scanner",
    "member-random-os": "import random as r\nr._os.system('id')",
    "member-logging-sys": "import logging\nlogging.sys",
    "member-temporalio": "import temporalio.workflow\ntemporalio.client.Client",
    "member-temporalio-runtime": "from temporalio import workflow\nworkflow._Runtime.current()",
    "member-unsafe": "from temporalio import workflow\n"
    "def f():\n    with workflow.unsafe.sandbox_unrestricted():\n        pass",
    "member-extern": "from temporalio import workflow\nworkflow.extern_functions()",
    "member-activity-client": "from temporalio import activity\nactivity.client()",
    "member-calendar-sys": "import calendar as c\nc.sys",
    "member-typing-sys": "import typing\ntyping.sys.modules",
    "member-collections-abc-sys": "import collections.abc\ncollections.abc.sys",
    "member-urllib": "import urllib.parse\nurllib.request.urlopen('http://x')",
}

_CONSTRUCTS = {
    "subclasses": "for c in object.__subclasses__():\n    print(c)",
    "subclasses-of-tuple": "().__class__.__base__.__subclasses__()",
    "globals-of-function": "act.__globals__['__builtins__']",
    "builtins-name": "__builtins__['eval']('1')",
    "exec": "exec('import os')",
    "eval": "eval('1')",
    "eval-as-value": "f = [eval][0]",
    "compile": "compile('1', 'x', 'eval')",
    "dunder-import": "__import__('os')",
    "open": "open('/etc/passwd')",
    "input": "input()",
    "breakpoint": "breakpoint()",
    "globals": "globals()['x'] = 1",
    "locals": "locals()",
    "vars": "vars(act)",
    "dir": "dir(act)",
    "setattr": "setattr(act, 'x', 1)",
    "delattr": "delattr(act, 'x')",
    "memoryview": "memoryview(b'x')",
    "help": "help()",
    "exit": "exit()",
    "system-exit": "raise SystemExit",
    "getattr-dynamic": "getattr(act, '__glo' + 'bals__')",
    "getattr-dunder": "getattr(act, '__globals__')",
    "getattr-value": "g = getattr\ng(act, '__globals__')",
    "getattr-partial": "from functools import partial\npartial(getattr, act)('__globals__')",
    "getattr-map": "list(map(getattr, [act], ['__globals__']))",
    "getattr-decorator": "@getattr\ndef f(): pass",
    "getattr-star": "getattr(*[act, '__globals__'])",
    "getattr-default-lambda": "f = lambda g=getattr: g(act, '__globals__')",
    "hasattr-dynamic": "x = 'a'\nhasattr(act, x)",
    "type-three": "type('X', (), {'__getattr__': 1})",
    "type-value": "t = type",
    "type-of-class-called": "type(int)('X', (), {})",
    "type-of-class-kept": "t = type(int)",
    "type-walrus": "(t := type(int))",
    "type-through-eq": "class G:\n    def __eq__(self, o):\n        self.o = o\ng = G()\n"
    "type(int) == g",
    "type-alias": "T = type[int]\nT('X', (), {})",
    "type-as-base": "class M(type):\n    pass",
    "metaclass": "class A(metaclass=dict):\n    pass",
    "metaclass-function": "class A(metaclass=lambda n, b, d: d):\n    pass",
    "class-keyword": "class A(x=1):\n    pass",
    "init-subclass": "class A:\n    def __init_subclass__(cls):\n        pass",
    "class-getitem": "class A:\n    def __class_getitem__(cls, x):\n        return 'text'",
    "set-name": "class A:\n    def __set_name__(self, o, n):\n        pass",
    "descriptor": "class A:\n    def __get__(self, o, t):\n        return t",
    "getattr-method": "class A:\n    def __getattr__(self, n):\n        return n",
    "getattribute": "class A:\n    def __getattribute__(self, n):\n        return n",
    "setattr-method": "class A:\n    def __setattr__(self, n, v):\n        print(v)",
    "reduce": "class A:\n    def __reduce__(self):\n        return (print, ())",
    "del-method": "class A:\n    def __del__(self):\n        pass",
    "module-getattr": "def __getattr__(name):\n    return name",
    "class-cell": "class A:\n    def f(self):\n        return __class__",
    "mro": "int.mro()",
    "mro-dunder": "int.__mro__[1]",
    "generator-frame": "def g():\n    yield\ng().gi_frame.f_back.f_globals",
    "coroutine-frame": "act().cr_frame.f_globals",
    "async-generator-frame": "async def g():\n    yield\ng().ag_frame",
    "frame-in-comprehension": "[x.f_back for x in []]",
    "traceback-frame": "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame",
    "traceback-of-exit": "class C:\n    def __enter__(self): pass\n"
    "    def __exit__(self, a, b, c):\n        c.tb_frame.f_globals",
    "attribute-error-obj": "try:\n    act.nothing\nexcept AttributeError as e:\n    e.obj",
    "match-keyword": "match act:\n    case object(__globals__=g):\n        g",
    "match-frame": "match act():\n    case object(cr_frame=f):\n        f",
    "match-args": "class P:\n    __match_args__ = ('__globals__',)",
    "match-dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    gi_frame: int",
    "match-namedtuple": "from collections import namedtuple\nP = namedtuple('P', 'gi_frame')",
    "match-namedtuple-dynamic": "from collections import namedtuple\nx = 'gi_' + 'frame'\n"
    "P = namedtuple('P', x)",
    "match-capture": "match act:\n    case {'x': 1, **__builtins__}:\n        pass",
    "format-attribute": "'{0.__class__}'.format(act)",
    "format-index": "'{0[0].__class__}'.format([act])",
    "format-nested": "'{0:{1.__class__}}'.format(1, act)",
    "format-dynamic": "t = '{0.__cl' + 'ass__}'\nt.format(act)",
    "format-value": "f = '{0.x}'.format\nf(act)",
    "format-unbound": "str.format('{0.__class__}', act)",
    "format-map": "'{a.__class__}'.format_map({'a': act})",
    "format-getattr": "getattr('{0.__class__}', 'format')(act)",
    "fstring-attribute": "f'{act.__globals__!r}'",
    "fstring-nested": "f'{1:{act.__code__}}'",
    "lookalike-attribute": "act.__\uff47lobals__",
    "lookalike-name": "\uff45val('1')",
    "module-as-value": "import json\nj = json",
    "module-in-list": "import json\n[json][0].codecs",
    "module-passed": "import json\nprint(json)",
    "module-in-class": "class A:\n    import json\nA.json.codecs",
    "module-returned": "def f():\n    import json\n    return json",
    "module-changed": "import json\njson.dumps = None",
    "module-walrus": "import json\n(j := json)",
    "module-default": "import json\ndef f(j=json): return j.codecs",
    "module-name-set": "__name__ = 'os'",
    "private-of-task": "def f(t):\n    return t._loop",
    "private-of-self": "class A:\n    def f(self):\n        return self._loop\nA.f(act)",
    "private-sys": "class A:\n    def f(self):\n        return self._sys",
    "loop-of-task": "def f(t):\n    return t.get_loop().run_in_executor(None, print)",
    "stack-of-task": "def f(t):\n    return t.get_stack()",
    "context-of-task": "def f(t):\n    return t.get_context()",
    "logger-handlers": "import logging\nlogging.getLogger().handlers[0].stream",
    "logger-manager": "from temporalio import workflow\nworkflow.logger.logger.manager",
    "logger-filter": "import logging\nlogging.getLogger().addFilter(print)",
    "annotation-string": "@a_.defn(name='b')\nasync def b(x: '__import__(\"os\")') -> None: ...",
    "annotation-call": "def f(x: print('now')) -> None: ...",
    "annotation-of-text": 'T = \'__import__("os").system("id")\'\ndef f(x: T) -> None: ...',
    "annotation-alias": "from typing import Optional\nT = Optional['().__class__']\n"
    "def f(x: T) -> None: ...",
    "annotation-in-list": "def f(x: list['().__class__']) -> None: ...",
    "annotation-annotated": "from typing import Annotated\n"
    "def f(x: Annotated['().__class__', 1]): ...",
    "annotation-class-attribute": "class A:\n    T = 'print()'\n    x: T",
    "annotation-set-attribute": "class A:\n    x: int\nA.int = 'print()'",
    "annotation-parameter": "def make(T):\n    class A:\n        x: T\n    return A\n"
    "make('print()')",
    "annotation-nested-text": "def f(x: \"'().__class__'\" ) -> None: '' .x.__class__",
    "annotations-set": "act.__annotations__ = {'x': 'print()'}",
    "annotations-name": "class A:\n    __annotations__ = {'x': 'print()'}",
    "new-type-var": "from typing import TypeVar\nT = TypeVar('T', bound='print()')",
    "wraps-assigned": "from functools import wraps\nwraps(act, assigned=('__globals__',))(act)",
    "wraps-value": "from functools import wraps\nw = wraps",
    "enum-functional": "from enum import Enum\nE = Enum('E', {'__reduce__': 1})",
    "enum-alias": "from enum import Enum\nE = Enum\nclass F(E):\n    A = 1",
    "enum-empty": "from enum import Enum\nclass E(Enum):\n    pass\n"
    "E('X', {'__annotations__': {'a': 'print()'}})",
    "enum-ignored": "from enum import Enum\nclass E(Enum):\n    _ignore_ = ['A']\n    A = 1",
    "enum-deleted": "from enum import Enum\nclass E(Enum):\n    A = 1\n    del A",
    "enum-conditional": "from enum import Enum\nclass E(Enum):\n    if False:\n        A = 1",
    "named-tuple-functional": "from typing import NamedTuple\nNamedTuple('X', [('a', 'b')])",
    "typed-dict-functional": "from typing import TypedDict\nTypedDict('X', {'a': 'print()'})",
    "field-kept": "from dataclasses import field\nf = field()\nf.name = 'x=print()'",
    "field-of-plain-class": "from dataclasses import field\nclass A:\n    x: int = field()\n"
    "A.x.name = 'y=print()'",
    "field-read": "from dataclasses import dataclass, field\n@dataclass\nclass A:\n"
    "    x: int = field()\n    y = x",
    "field-taken-first": "from dataclasses import dataclass, field\ndef take(c):\n    return c\n"
    "@dataclass\n@take\nclass A:\n    x: int = field()",
    "field-in-enum": "from dataclasses import dataclass, field\nfrom enum import Enum\n"
    "@dataclass\nclass A(Enum):\n    B = 1\n    x: int = field()",
    "field-other-dataclass": "from dataclasses import dataclass, field\n"
    "def dataclass(c): return c\n@dataclass\nclass A:\n    x: int = field()",
    "field-behind-base": "from dataclasses import dataclass, field\ndef base(): return object\n"
    "@dataclass\nclass A(base()):\n    x: int = field()",
    "field-added-to": "from dataclasses import dataclass, field\nclass G:\n"
    "    def __radd__(self, o):\n        o.name = 'x=print()'\n        return 1\n"
    "@dataclass\nclass A:\n    x: int = field()\n    x += G()",
    "field-in-parentheses": "from dataclasses import dataclass, field\n@dataclass\nclass A:\n"
    "    (x): int = field()\nA.x.name = 'x=print()'",
    "augmented-builtin": "class G:\n    def __radd__(self, o):\n        self.o = o\n"
    "        return self\nopen += G()",
    "augmented-module": "import json\nclass G:\n    def __radd__(self, o):\n        self.o = o\n"
    "        return self\njson += G()",
    "annotation-decorated": "def text(c): return 'print()'\n@text\nclass T: ...\n"
    "def f(x: T) -> None: ...",
    "wraps-asked": "from functools import wraps\nwraps(act).func(act, act, ('__globals__',))",
    "enum-method-only": "from enum import Enum\ndef make(): return lambda self: 1\n"
    "class E(Enum):\n    A = make()\nE('X', {'__reduce__': 1})",
    "enum-emptied": "from enum import Enum\nclass E(Enum):\n    A = 1\n    def f(self):\n"
    "        self._member_names_.clear()",
    "library-changed": "import asyncio\nasyncio.Queue.put = print",
    "class-scope-builtin": "def f(input):\n    class A:\n        x = input\n"
    "        input = 1\n    return A",
    "module-scope-builtin": "print(open)\nopen = 1",
    "global-in-class": "class A:\n    global x\n    x = 1",
    "kwargs-dunder": "def f(**__builtins__): pass",
    "except-dunder": "try:\n    pass\nexcept Exception as __builtins__:\n    pass",
    "starred-bases": "class A(*[object]):\n    pass",
    "unsandboxed": "from temporalio import workflow\n@workflow.defn(sandboxed=False)\n"
    "class W:\n    @workflow.run\n    async def run(self) -> None: ...",
    "dynamic-workflow": "from temporalio import workflow\n@workflow.defn(dynamic=True)\n"
    "class W:\n    @workflow.run\n    async def run(self, args: list[int]) -> None: ...",
    "dynamic-activity": "@a_.defn(dynamic=True)\nasync def d(args: list[int]) -> None: ...",
    "hidden-arguments": "@a_.defn(**{'name': 'x'})\nasync def d() -> None: ...",
    "calculated-name": "@a_.defn(name='a' + 'b')\nasync def d() -> None: ...",
    "hidden-decorator": "d = a_.defn\n@d\nasync def other() -> None: ...",
    "activity-method": "class A:\n    @a_.defn\n    async def m(self) -> None: ...",
    "definition-in-function": "def f():\n    @a_.defn\n    async def inner() -> None: ...",
}

_SYNTAX = {
    "no-python": "def (",
    "nul": "x = '\0'",
    "cookie": "",
    "surrogate": "x = '\ud800'",
    "deep-parentheses": "x = " + "(" * 5000 + ")" * 5000,
    "deep-unary": "x = " + "-" * 5000 + "1",
    "deep-sum": "x = " + "+".join("1" * 5000),
    "deep-attribute": "x = act" + ".a" * 5000,
    "deep-list": "x = " + "[" * 150 + "]" * 150 + "\n" + "y = " + "not " * 3000 + "1",
    "long-integer": "x = " + "9" * 5000,
    "deep-annotation": "def f(x: '" + "-" * 3000 + "1'): ...",
}


def _cookie() -> Hostile:
    text = f"# -*- coding: utf-7 -*-\n{ACTIVITY}"
    return Hostile(files={"evil.py": text}, rule=Rule.SYNTAX)


HOSTILE: dict[str, Hostile] = {
    **{name: _one(text, Rule.IMPORT_REFUSED) for name, text in _IMPORTS.items()},
    **{name: _one(text, Rule.IMPORT_REFUSED) for name, text in _MEMBERS.items()},
    **{name: _one(text, Rule.CONSTRUCT_REFUSED) for name, text in _CONSTRUCTS.items()},
    **{name: _one(text, Rule.SYNTAX) for name, text in _SYNTAX.items()},
    "cookie": _cookie(),
    "deep-annotation": _one(_SYNTAX["deep-annotation"], Rule.CONSTRUCT_REFUSED),
    "shadow-json": Hostile(files={"json.py": ACTIVITY}, rule=Rule.MODULE_SHADOWED),
    "shadow-temporalio": Hostile(
        files={"temporalio/activity.py": "x = 1\n", "one.py": ACTIVITY}, rule=Rule.MODULE_SHADOWED
    ),
    "shadow-dunder": Hostile(
        files={"__main__.py": "x = 1\n", "one.py": ACTIVITY}, rule=Rule.MODULE_SHADOWED
    ),
    "module-twice": Hostile(
        files={"a.py": "x = 1\n", "a/__init__.py": "x = 2\n", "one.py": ACTIVITY},
        rule=Rule.MODULE_SHADOWED,
    ),
    "through-own-module": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "import json\n", "two.py":
               "from lib import json as j\n"
               "[j][0].codecs\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
    "through-own-attribute": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "import json\n", "two.py": "import lib\n"
               "lib.json.codecs\n"},
        rule=Rule.IMPORT_REFUSED,
    ),
    "through-own-global": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "def f():\n    global j\n    import json as j\n",
               "two.py": "import lib\nx = lib.j\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
    "field-through-own-module": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "from dataclasses import field as f\n",
               "two.py": "import lib\nx = lib.f()\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
    "own-module-as-value": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "import json\n",
               "two.py": "import lib\ngetattr(lib, 'json')\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
    "annotation-through-own-module": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "T = 'print()'\n",
               "two.py": "from lib import T\ndef f(x: T) -> None: ...\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
    "annotation-of-submodule": Hostile(
        files={"one.py": ACTIVITY, "lib/__init__.py": "t = 'print()'\n", "lib/t.py": "",
               "two.py": "from lib import t\ndef f(x: t) -> None: ...\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
    "own-module-changed": Hostile(
        files={"one.py": ACTIVITY, "lib.py": "class T: ...\n",
               "two.py": "import lib\nlib.T = 'print()'\n"},
        rule=Rule.CONSTRUCT_REFUSED,
    ),
}  # fmt: skip
"""By name."""

"""Names of variables, attributes and builtins that project code may have, whatever they are of."""

from __future__ import annotations

import builtins
from string import Formatter

_BUILTINS_TEXT = """
abs aiter all anext any ascii bin bool bytearray bytes callable chr classmethod complex dict
divmod enumerate filter float format frozenset hash hex id int isinstance issubclass iter len
list map max min next object oct ord pow print property range repr reversed round set slice
sorted staticmethod str sum super tuple zip NotImplemented Ellipsis True False None"""

BUILTINS = frozenset(_BUILTINS_TEXT.split()) | {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
} - {"SystemExit", "KeyboardInterrupt"}  # these end a process
"""What project code may use of `builtins` as a value."""

CALLED_ONLY = frozenset({"getattr", "hasattr", "type"})

ALL_BUILTINS = frozenset(dir(builtins)) | {
    "aiter", "anext", "exit", "quit", "copyright", "credits", "license", "help",
}  # fmt: skip

NAMES = frozenset({"__name__", "__doc__", "__all__", "__version__", "__author__", "__slots__"})
"""Names with two underscores that project code may read and set."""

ATTRIBUTES = frozenset({"__name__", "__qualname__", "__doc__", "__cause__"})
"""The same for attributes of anything."""

_METHODS_TEXT = """
init post_init repr str bytes eq ne lt le gt ge hash bool len length_hint iter next format
reversed contains getitem setitem delitem missing call enter exit aenter aexit aiter anext await
add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or radd rsub rmul
rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand rxor ror iadd isub imul
imatmul itruediv ifloordiv imod ipow ilshift irshift iand ixor ior neg pos abs invert complex
int float index round trunc floor ceil copy deepcopy"""

METHODS = frozenset(f"__{name}__" for name in _METHODS_TEXT.split())
"""Methods that classes of project code may define, and call of `super()`."""

_FRAMES = """f_back f_builtins f_code f_globals f_lasti f_lineno f_locals f_trace f_trace_lines
f_trace_opcodes f_generator clear_frames tb_frame tb_next tb_lasti tb_lineno gi_frame gi_code
gi_yieldfrom gi_running gi_suspended cr_frame cr_code cr_await cr_origin cr_running cr_suspended
ag_frame ag_code ag_await ag_running ag_suspended co_code co_consts co_names co_filename co_lines
co_positions co_varnames co_freevars co_cellvars co_qualname co_name co_flags co_firstlineno
func_globals func_code func_closure func_defaults func_dict im_func im_self im_class mro"""

_MODULES_TEXT = """
sys os subprocess builtins importlib ctypes gc inspect socket ssl threading multiprocessing
pickle marshal codecs linecache posix nt pty runpy shutil pathlib tempfile traceback tracemalloc
weakref atexit sysconfig zipimport"""

_MODULES = frozenset(_MODULES_TEXT.split())

_WAYS = """get_loop get_running_loop get_event_loop get_coro get_stack print_stack get_context
run_in_executor subprocess_exec subprocess_shell create_connection create_server
create_unix_connection create_unix_server create_datagram_endpoint connect_read_pipe
connect_write_pipe add_reader add_writer add_signal_handler set_task_factory
set_exception_handler set_default_executor call_exception_handler handlers addHandler
removeHandler callHandlers manager filters addFilter makeRecord findCaller loggerDict obj
setLogRecordFactory setLoggerClass payload_converter extern_functions sandbox_unrestricted
format_map"""

ATTRIBUTES_REFUSED = frozenset(f"{_FRAMES} {_WAYS}".split()) | _MODULES

_PRIVATE_REFUSED_TEXT = """
_loop _get_loop _source_traceback _coro _context _callbacks _fut_waiter _instance _start_fut
_result_fut _runtime _bridge_worker _importer _module _modules _extern_functions _object _mgr
_parent_task _timeout_handler _data_converter _payload_converter _failure_converter
_exit_callbacks _underlying _abc_impl _log _shared_state_manager _ignore_ _order_ _missing_
_generate_next_value_ _create_ _convert_ _member_map_ _value2member_map_ _member_type_
_new_member_ _use_args_ _unhashable_values_ _boundary_"""

_PRIVATE_REFUSED = frozenset(_PRIVATE_REFUSED_TEXT.split())
"""Attributes with one underscore that libraries have; those of project code are called else."""

PRIVATE_ALLOWED = frozenset({"_replace", "_asdict", "_fields", "_make", "_field_defaults"})
"""What named tuples offer, in spite of the underscore."""


def dunder(name: str) -> bool:
    """Whether `name` begins with two underscores."""
    return name.startswith("__")


def refused_name(name: str) -> str | None:
    """Why no variable, parameter, function or class may be called so."""
    if dunder(name) and name not in NAMES:
        return f"the name {name} belongs to Python's inside"
    return None


def refused_member(name: str) -> str | None:
    """Why nothing in a class may be called so: it could be taken of anything by that name."""
    if dunder(name):
        if name in METHODS or name in NAMES or not name.endswith("__"):
            return None
        return f"{name} changes how Python treats the class"
    if name.startswith("_"):
        return refused_private(name)
    return None if name == "format" else refused_attribute(name)


def refused_attribute(name: str) -> str | None:
    """Why no attribute `name` may be taken of anything; None: it may."""
    if name in ATTRIBUTES:
        return None
    if dunder(name):
        return f"the attribute {name} leads into Python's inside"
    if name == "format":
        return "a text's format() walks attributes unless the text is written out; use an f-string"
    if name in ATTRIBUTES_REFUSED or name.strip("_") in _MODULES:
        return f"the attribute {name} leads out of the project's own code; call yours otherwise"
    if name.startswith("_") and name not in PRIVATE_ALLOWED:
        return f"{name} is private to its object; give it a name without underscore"
    return None


def refused_private(name: str) -> str | None:
    """The same for an attribute with an underscore that is taken of `self` or `cls`."""
    if dunder(name):
        if not name.endswith("__"):
            return None  # Python makes _Class__name of it
        return refused_attribute(name)
    of_enum = name.startswith("_") and name.endswith("_") and len(name) > 1
    if of_enum or name in _PRIVATE_REFUSED or name.strip("_") in ATTRIBUTES_REFUSED:
        return f"{name} is an attribute that libraries have; call yours otherwise"
    return None


def refused_format(template: str) -> str | None:
    """Why `template.format(…)` reaches more than the values that it is given."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return f"the text is no template: {error}"
    for _, field, spec, _ in parts:
        if field and ("." in field or "_" in field.partition("[")[2]):
            return "a template that takes attributes of its values; use an f-string"
        deeper = refused_format(spec) if spec else None
        if deeper:
            return deeper
    return None

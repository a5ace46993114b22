"""What project code may import of others, name by name.

A name is here when neither it nor what it makes leads to files, processes, the network, the
interpreter or code from text. `RESTRICTED` names are safe in one position only.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class Use(StrEnum):
    """Where a restricted name may stand."""

    BASE = "as a base class, in an annotation or in isinstance()"
    DECORATOR = "as a decorator, alone or called"
    FIELD = "called, as the default of a field of a class whose last decorator is @dataclass"
    WRAPS = "as a decorator that is called with one argument"
    NAMEDTUPLE = "called with names that are written out"
    TYPE_VARIABLE = "called with a name that is written out, and types"
    TYPE = "in annotations"


_TYPING = """Annotated Any AnyStr AsyncContextManager AsyncGenerator AsyncIterable AsyncIterator
Awaitable Callable ClassVar Collection Concatenate Container ContextManager Coroutine
Counter DefaultDict Deque Dict Final FrozenSet Generator Generic Hashable Iterable Iterator
List Literal Mapping MutableMapping MutableSequence MutableSet NamedTuple Never NewType NoReturn
NotRequired Optional OrderedDict ParamSpec Protocol Required Reversible Self Sequence Set Sized
SupportsAbs SupportsBytes SupportsFloat SupportsIndex SupportsInt SupportsRound Text Tuple Type
TypeAlias TypeGuard TypeVar TypedDict Union TYPE_CHECKING assert_never assert_type cast final
overload override reveal_type"""

_WORKFLOW = """ActivityCancellationType ActivityConfig ActivityHandle ChildWorkflowCancellationType
ChildWorkflowConfig ChildWorkflowHandle ContinueAsNewError ContinueAsNewVersioningBehavior
ExternalWorkflowHandle HandlerUnfinishedPolicy Info LocalActivityConfig NondeterminismError
ParentClosePolicy ParentInfo ReadOnlyContextError RootInfo UnfinishedSignalHandlersWarning
UnfinishedUpdateHandlersWarning UpdateInfo VersioningIntent all_handlers_finished as_completed
cancellation_reason continue_as_new current_update_info defn deprecate_patch execute_activity
execute_activity_class execute_activity_method execute_child_workflow execute_local_activity
execute_local_activity_class execute_local_activity_method get_current_details
get_external_workflow_handle get_external_workflow_handle_for get_last_completion_result
get_last_failure has_last_completion_result in_workflow info init is_failure_exception logger memo
memo_value metric_meter new_random now patched query random random_seed run set_current_details
set_query_handler set_signal_handler set_update_handler signal sleep start_activity
start_activity_class start_activity_method start_child_workflow start_local_activity
start_local_activity_class start_local_activity_method time time_ns unsafe update upsert_memo
upsert_search_attributes uuid4 wait wait_condition"""

_ACTIVITY = """ActivityCancellationDetails Info cancellation_details defn heartbeat in_activity info
is_cancelled is_worker_shutdown logger metric_meter shield_thread_cancel_exception
wait_for_cancelled wait_for_cancelled_sync wait_for_worker_shutdown wait_for_worker_shutdown_sync"""

_COMMON = """ActivityIDConflictPolicy MetricAttributes MetricCounter MetricGauge MetricGaugeFloat
MetricHistogram MetricHistogramFloat MetricHistogramTimedelta MetricMeter Priority RetryPolicy
SearchAttributeKey SearchAttributePair SearchAttributeUpdate SearchAttributes TypedSearchAttributes
VersioningBehavior WorkflowIDConflictPolicy WorkflowIDReusePolicy"""

_EXCEPTIONS = """ActivityError ApplicationError ApplicationErrorCategory CancelledError
ChildWorkflowError FailureError RetryState ServerError TemporalError TerminatedError TimeoutError
TimeoutType WorkflowAlreadyStartedError is_cancelled_exception"""

_ASYNCIO = """ALL_COMPLETED Barrier BoundedSemaphore CancelledError Condition Event FIRST_COMPLETED
FIRST_EXCEPTION Future InvalidStateError LifoQueue Lock PriorityQueue Queue QueueEmpty QueueFull
Semaphore Task TaskGroup Timeout TimeoutError as_completed create_task gather iscoroutine
iscoroutinefunction shield sleep timeout wait wait_for"""

_ABC = """AsyncGenerator AsyncIterable AsyncIterator Awaitable Callable Collection Container
Coroutine Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView
MutableMapping MutableSequence MutableSet Reversible Sequence Set Sized ValuesView"""

_MATH = """acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e
erf erfc exp exp2 expm1 fabs factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite
isinf isnan isqrt lcm ldexp lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians
remainder sin sinh sqrt tan tanh tau trunc ulp"""

_STATISTICS = """NormalDist StatisticsError correlation covariance fmean geometric_mean
harmonic_mean linear_regression mean median median_grouped median_high median_low mode multimode
pstdev pvariance quantiles stdev variance"""

_RANDOM = """Random betavariate choice choices expovariate gammavariate gauss getrandbits
lognormvariate normalvariate paretovariate randbytes randint random randrange sample seed shuffle
triangular uniform vonmisesvariate weibullvariate"""

_ITERTOOLS = """accumulate batched chain combinations combinations_with_replacement compress count
cycle dropwhile filterfalse groupby islice pairwise permutations product repeat starmap takewhile
tee zip_longest"""

_CONTEXTLIB = """AbstractAsyncContextManager AbstractContextManager AsyncExitStack ExitStack
aclosing asynccontextmanager closing contextmanager nullcontext suppress"""

_OPERATOR = """add and_ concat contains countOf eq floordiv ge getitem gt index indexOf invert is_
is_not itemgetter le lshift lt mod mul ne neg not_ or_ pos pow rshift sub truediv truth xor"""

_DECIMAL = """Clamped Context Decimal DecimalException DivisionByZero FloatOperation Inexact
InvalidOperation Overflow ROUND_05UP ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN
ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP Rounded Subnormal Underflow getcontext localcontext
setcontext"""

_FUTURE = """annotations generator_stop division absolute_import print_function unicode_literals
with_statement nested_scopes generators"""

_CALENDAR = """FRIDAY MONDAY SATURDAY SUNDAY THURSDAY TUESDAY WEDNESDAY Calendar day_abbr day_name
isleap leapdays month_abbr month_name monthcalendar monthrange timegm weekday"""

_STRING = """Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits
octdigits printable punctuation whitespace"""

_BASE64 = """b16decode b16encode b32decode b32encode b32hexdecode b32hexencode b64decode b64encode
a85decode a85encode b85decode b85encode decodebytes encodebytes standard_b64decode
standard_b64encode urlsafe_b64decode urlsafe_b64encode"""

_HASHLIB = """blake2b blake2s md5 new sha1 sha224 sha256 sha384 sha3_224 sha3_256 sha3_384 sha3_512
sha512 shake_128 shake_256"""

_TIME = """gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns
process_time process_time_ns sleep strftime strptime struct_time time time_ns"""

_RE = """A ASCII DOTALL I IGNORECASE M MULTILINE Match NOFLAG Pattern RegexFlag S U UNICODE VERBOSE
X compile error escape findall finditer fullmatch match purge search split sub subn"""

_PARSE = """ParseResult SplitResult parse_qs parse_qsl quote quote_from_bytes quote_plus unquote
unquote_plus unquote_to_bytes urldefrag urlencode urljoin urlparse urlsplit urlunparse
urlunsplit"""

_UNICODE = """bidirectional category combining decimal decomposition digit east_asian_width
is_normalized lookup mirrored name normalize numeric unidata_version"""

MODULES: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        module: frozenset(names.split())
        for module, names in {
            "__future__": _FUTURE,
            "abc": "ABC abstractmethod",
            "asyncio": _ASYNCIO,
            "base64": _BASE64,
            "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
            "calendar": _CALENDAR,
            "collections": "ChainMap Counter OrderedDict UserDict UserList abc defaultdict deque"
            " namedtuple",
            "collections.abc": _ABC,
            "contextlib": _CONTEXTLIB,
            "copy": "copy deepcopy",
            "dataclasses": "FrozenInstanceError InitVar asdict astuple dataclass field"
            " is_dataclass replace",
            "datetime": "MAXYEAR MINYEAR UTC date datetime time timedelta timezone tzinfo",
            "decimal": _DECIMAL,
            "difflib": "Differ SequenceMatcher context_diff get_close_matches ndiff unified_diff",
            "enum": "Enum Flag IntEnum IntFlag StrEnum auto unique",
            "fractions": "Fraction",
            "functools": "cache cached_property cmp_to_key lru_cache partial reduce"
            " total_ordering wraps",
            "hashlib": _HASHLIB,
            "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
            "hmac": "compare_digest digest new",
            "html": "escape unescape",
            "itertools": _ITERTOOLS,
            "json": "JSONDecodeError JSONEncoder dumps loads",
            "logging": "CRITICAL DEBUG ERROR INFO WARNING getLogger",
            "math": _MATH,
            "operator": _OPERATOR,
            "random": _RANDOM,
            "re": _RE,
            "statistics": _STATISTICS,
            "string": _STRING,
            "temporalio.activity": _ACTIVITY,
            "temporalio.common": _COMMON,
            "temporalio.exceptions": _EXCEPTIONS,
            "temporalio.workflow": _WORKFLOW,
            "temporalio.workflow.unsafe": "imports_passed_through is_replaying",
            "textwrap": "TextWrapper dedent fill indent shorten wrap",
            "time": _TIME,
            "typing": _TYPING,
            "typing_extensions": _TYPING,
            "unicodedata": _UNICODE,
            "urllib.parse": _PARSE,
            "uuid": "NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500 UUID uuid3 uuid4"
            " uuid5",
            "zoneinfo": "ZoneInfo ZoneInfoNotFoundError available_timezones",
        }.items()
    }
)

PACKAGES = frozenset(
    {module.rpartition(".")[0] for module in MODULES if "." in module}
    | {"temporalio"}  # not all of it, but the way to what may be imported
)

_TYPE_VARIABLES = ("TypeVar", "ParamSpec", "NewType")
_BASES = ("Generic", "NamedTuple", "Protocol", "TypedDict")

RESTRICTED: MappingProxyType[str, Use] = MappingProxyType(
    {
        **{f"{typing}.{name}": Use.BASE for typing in ("typing", "typing_extensions")
           for name in _BASES},
        **{f"{typing}.{name}": Use.TYPE_VARIABLE for typing in ("typing", "typing_extensions")
           for name in _TYPE_VARIABLES},
        **{f"enum.{name}": Use.BASE for name in ("Enum", "Flag", "IntEnum", "IntFlag", "StrEnum")},
        "asyncio.Future": Use.TYPE,
        "asyncio.Task": Use.TYPE,
        "collections.namedtuple": Use.NAMEDTUPLE,
        "dataclasses.dataclass": Use.DECORATOR,
        "dataclasses.field": Use.FIELD,
        "functools.wraps": Use.WRAPS,
        "temporalio.activity.defn": Use.DECORATOR,
        "temporalio.workflow.defn": Use.DECORATOR,
    }
)  # fmt: skip

INSTEAD: MappingProxyType[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("requests", "httpx", "aiohttp", "urllib", "http", "socket", "urllib3"),
            "the built-in activity httpRequest reaches the network",
        ),
        **dict.fromkeys(
            ("pathlib", "shutil", "tempfile", "io", "open"),
            "the built-in activities for files store and read them",
        ),
        **dict.fromkeys(("smtplib", "email"), "a built-in activity sends e-mail"),
        "pydantic": "dataclasses are what arguments and results are made of",
        "threading": "use asyncio in workflows and async activities",
        "multiprocessing": "more activities at a time do more work",
        "secrets": "use workflow.uuid4() or workflow.random()",
        "temporalio.client": "start and signal other workflows with workflow.start_child_workflow"
        " and workflow.get_external_workflow_handle",
        "pickle": "use json",
        "print": "use workflow.logger or activity.logger",
        "inspect": "write down what is there",
    }
)
"""What to use in place of what is refused."""

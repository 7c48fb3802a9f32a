"""One record for every primitive: what it means in NumPy, where it is smooth, where it bends, what it refuses.

``test_ops.py`` and ``test_derivatives.py`` run the same tests over all records, and fail if a primitive has none.
To add an op: add its record to its family, a file ``records_....py`` beside this one.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.support.record import Call as Call
from tests.support.record import Kink as Kink
from tests.support.record import Record as Record
from tests.support.record import Refused as Refused

FAMILIES = sorted(path.stem for path in Path(__file__).parent.glob("records_*.py"))
RECORDS: tuple[Record, ...] = tuple(
    record for family in FAMILIES for record in import_module(f"tests.support.{family}").RECORDS
)
BY_NAME: dict[str, Record] = {record.op.name: record for record in RECORDS}

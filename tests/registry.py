"""One record for every primitive: what it means in NumPy, where it is smooth, where it bends, what it refuses.

``test_ops.py`` and ``test_ops_derivatives.py`` run the same tests over all records, and fail if a primitive has none.
To add an op: add its record to its family.
"""

from __future__ import annotations

from tests import records_arithmetic, records_picking, records_shapes, records_sums, records_ufuncs
from tests.record import Call as Call
from tests.record import Kink as Kink
from tests.record import Record as Record
from tests.record import Refused as Refused

RECORDS: tuple[Record, ...] = (
    *records_arithmetic.RECORDS,
    *records_ufuncs.RECORDS,
    *records_sums.RECORDS,
    *records_shapes.RECORDS,
    *records_picking.RECORDS,
)
BY_NAME: dict[str, Record] = {record.op.name: record for record in RECORDS}

"""The catalogue as SQL: what every feature means, once more, for DuckDB.

The text is compiled from the declared families alone; nothing of the evaluator is used, so that the two can referee
each other. It reads the tables of the record schema under their own names (`patients`, `visits`, ...), with instants
as TIMESTAMP WITH TIME ZONE, and a table `moments(row, patient_id, as_of)`, whose `row` names a moment once and whose
patients are all in `patients`. It returns one row a moment, in order of `row`; missing is NULL. Counts and sums come
as whole numbers and are exact; cast to DOUBLE they have the evaluator's bits, as quotients have without a cast.

An aggregate is a `Recipe` of `features.sql.aggregates`, a derived column a `Derived` of `features.sql.columns`; a new
one needs one more entry there and nothing else. Helsinki days are taken by DuckDB's time zone extension, which its
packages contain; it was held against the time zone database for 1900 to 2100.
"""

from features.sql.statement import card, statement

__all__ = ["card", "statement"]

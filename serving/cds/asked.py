"""A patient's record as FHIR resources, as a question to the desk."""

from __future__ import annotations

from serving.cds.history import helsinki_day, patient_history
from serving.cds.prefetch import Gathered
from serving.desk import Asked, Desk
from serving.tenants import Tenant


def asked(desk: Desk, gathered: Gathered, patient_id: str, tenant: Tenant) -> Asked:
    """The question that a record asks now.

    Args:
        desk: which answers it.
        gathered: what is there of the record.
        patient_id: the patient's id on the server that it comes from.
        tenant: whose patient it is.
    """
    now = desk.now()
    found = patient_history(gathered.resources, patient_id, gathered.missing, helsinki_day(now))
    whom = desk.secrets.patient(tenant.name, patient_id)
    is_known = tenant.records and desk.known.holds(patient_id)
    return Asked(found.person, now, patient_id if is_known else whom, whom, notices=found.notices)

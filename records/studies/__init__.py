"""Public studies as record histories: RAND, NHANES, its dentition, the Creighton teeth and MEPS.

They exercise the same schema, features and models as a city's records. None holds a Finnish patient or chair minutes.
Calendar days are nominal: the studies give years or lengths of time only.
"""

from records.studies.creighton import CREIGHTON_FILE, CREIGHTON_PEOPLE, CREIGHTON_TEETH, CreightonStudy, read_creighton
from records.studies.dentition import DENTITION_FILES, DentitionStudy, read_dentition
from records.studies.meps import MEPS_FILE, MepsStudy, read_meps
from records.studies.nhanes import NHANES_FILES, NHANES_NEVER, NhanesStudy, read_nhanes
from records.studies.rand import RAND_BASELINE, RAND_CHARGES, RAND_FILE, RandStudy, read_rand
from records.studies.rows import StudyError

__all__ = [
    "CREIGHTON_FILE",
    "CREIGHTON_PEOPLE",
    "CREIGHTON_TEETH",
    "DENTITION_FILES",
    "MEPS_FILE",
    "NHANES_FILES",
    "NHANES_NEVER",
    "RAND_BASELINE",
    "RAND_CHARGES",
    "RAND_FILE",
    "CreightonStudy",
    "DentitionStudy",
    "MepsStudy",
    "NhanesStudy",
    "RandStudy",
    "StudyError",
    "read_creighton",
    "read_dentition",
    "read_meps",
    "read_nhanes",
    "read_rand",
]

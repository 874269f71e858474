"""The shortest interview: which question to ask next, and when to stop."""

from models.interview.columns import AnswerColumns, InterviewError
from models.interview.interview import Interview, Question, Stop, of_rows
from models.interview.likely import Likely
from models.interview.plan import Limits, Plan
from models.interview.questions import AnswerError, Choice, Item, Number, QuestionTableError, read_items
from models.interview.standing import standing

__all__ = [
    "AnswerColumns",
    "AnswerError",
    "Choice",
    "Interview",
    "InterviewError",
    "Item",
    "Likely",
    "Limits",
    "Number",
    "Plan",
    "Question",
    "QuestionTableError",
    "Stop",
    "of_rows",
    "read_items",
    "standing",
]

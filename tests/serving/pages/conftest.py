"""A release that knows how sure it is, with a card and an interview, and its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import FastAPI

from models.card import Card
from models.conformal import Conformal
from models.intervals import Intervals
from models.need import Uncertainty
from serving.api import create_app
from serving.house import House
from serving.release import Release
from tests.models.test_card import CARD
from tests.serving.asker import NOW
from tests.serving.visitor import Visitor

AMOUNT = Intervals((1.0, 3.0, 9.0), ((0.5, 0.9, 1.0), (0.2, 0.6, 1.0), (0.1, 0.3, 1.0)), (), (0.4,), {}, 0.8)


@pytest.fixture(scope="session")
def knowing(asking: Release) -> Release:
    """A release with sets, intervals, usual values, a card and an interview."""
    model, card = asking.model, CARD
    sets = Conformal((0.9, 0.9, 0.9), {}, 0.9)
    usual = dict.fromkeys(asking.catalogue.names, (0.0, 1.0, 2.0, 3.0, 4.0))
    sure = replace(model, uncertainty=Uncertainty(sets, AMOUNT, AMOUNT), ranges=usual)
    assert isinstance(card, Card)
    return replace(asking, model=sure, card=card)


@pytest.fixture(scope="session")
def app(knowing: Release, house: House) -> FastAPI:
    """The service of that release."""
    return create_app(knowing, house, lambda: NOW)


@pytest.fixture
def visit(app: FastAPI, house: House) -> Callable[..., Visitor]:
    """Somebody new at the pages; with a role, somebody who has signed in."""

    def visitor(role: str | None = None, language: str = "en") -> Visitor:
        made = Visitor(app, house, language)
        return made if role is None else made.enter(role)

    return visitor

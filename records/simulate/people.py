"""The simulated people: who they are on record, and the traits behind their need that no record shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from records.simulate.window import YEAR, Flags, Floats, Ints, Window

NEVER = 2**31
"""A day that does not come."""

SEXES = ("female", "male")
LANGUAGES = ("fi", "sv", "ru", "et", "so", "ar", "en")
DISTRICTS = ("Eteläinen", "Läntinen", "Keskinen", "Pohjoinen", "Koillinen", "Kaakkoinen", "Itäinen", "Östersundom")

# Helsinki, end of 2021: Finnish 77 %, Swedish 6 %, other 17 % (kaupunkitieto.hel.fi); order of the others: HS 2021.
_FINNISH, _SWEDISH = 0.77, 0.06
_OTHER_LANGUAGES = (0.38, 0.20, 0.18, 0.14, 0.10)
_DISTRICT_SHARES = (0.18, 0.16, 0.15, 0.06, 0.155, 0.08, 0.205, 0.01)
# Foreign background by major district, 27.9 % in Itäinen to 7.1 % in Östersundom (Helsinki 2019), over the mean.
_DISTRICT_OTHER = np.array([0.55, 0.9, 0.9, 0.7, 1.15, 0.9, 1.65, 0.45])
_DISTRICT_ACCESS = np.array([0.25, 0.1, 0.0, 0.15, -0.15, 0.0, -0.35, 0.1])

# Ages at the end of the window: adults in majority, the young over-represented as in public care (THL 33/2023).
_AGE_BANDS = np.array([1, 7, 18, 30, 45, 65, 80, 98])
_AGE_SHARES = (0.06, 0.15, 0.17, 0.23, 0.22, 0.13, 0.04)

_RATE, _RATE_SPREAD = 0.083, 1.3  # New lesions a year of the median, and the spread of its logarithm.
# Diabetes by age: about 9-10 % of adults, above 20 % from 75 on.
_DIABETES = ([20, 45, 60, 75], [0.01, 0.05, 0.14, 0.22])


@dataclass(frozen=True)
class People:
    """One entry a person in every array.

    Attributes:
        number: the person's number in the population, from 1.
        birth: day of birth. `arrive`: first day in the city (and of an age for care). `leave`: day of death or
            moving away, `NEVER` for most. All in days since 1970-01-01.
        sex, language, district: positions in `SEXES`, `LANGUAGES`, `DISTRICTS`.
        special_needs, non_disclosure: as in the record.
        sms: consent to text messages: 1 yes, 0 no, -1 never asked.
        smokes: daily smoker.
        caries: new lesions a year at the age of most decay, in a time of no particular trouble.
        perio: susceptibility to periodontitis, standard normal.
        access: propensity to seek care when it is needed, about standard normal; low means needing and not coming.
        fear: dental fear, 0-1.
        life: strain of the life situation, 0-1.
        habit: comes to examinations when recalled.
        diabetic: has diabetes, known or not. `brushing`: times a day, 0-2.
    """

    number: Ints
    birth: Ints
    arrive: Ints
    leave: Ints
    sex: Ints
    language: Ints
    district: Ints
    special_needs: Flags
    non_disclosure: Flags
    sms: Ints
    smokes: Flags
    caries: Floats
    perio: Floats
    access: Floats
    fear: Floats
    life: Floats
    habit: Flags
    diabetic: Flags
    brushing: Ints

    @classmethod
    def drawn(cls, rng: Generator, number: Ints, window: Window) -> People:
        """Draw the people with these numbers."""
        n = len(number)
        birth = window.last - _ages(rng, n)
        arrive = _arrivals(rng, birth, window)
        sex = (rng.random(n) < 0.48).astype(np.int64)
        district = rng.choice(len(DISTRICTS), n, p=_DISTRICT_SHARES)
        language = _languages(rng, district)
        special_needs = rng.random(n) < 0.03
        life = np.clip(rng.beta(1.3, 4.0, n) + 0.08 * (language > 1) + 0.15 * special_needs, 0.0, 1.0)
        fear = rng.beta(1.2, 5.0, n)
        access = _access(rng, life, fear, language, district)
        return cls(
            number=number,
            birth=birth,
            arrive=arrive,
            leave=_leavings(rng, birth, arrive, window),
            sex=sex,
            language=language,
            district=district,
            special_needs=special_needs,
            non_disclosure=rng.random(n) < 0.005,
            sms=rng.choice([1, 0, -1], n, p=(0.62, 0.13, 0.25)),
            # Daily smokers: 12 % of those aged 20-64 (2020, savutonsuomi.fi); more under strain.
            smokes=(rng.random(n) < 0.05 + 0.25 * life) & (window.last - birth > 18 * YEAR),
            caries=_caries(rng, life, access, sex, language),
            perio=rng.standard_normal(n) + 0.15 * sex + 0.2 * (language > 1),
            access=access,
            fear=fear,
            life=life,
            habit=rng.random(n) < 1.0 / (1.0 + np.exp(-(0.9 + 1.3 * access))),
            diabetic=rng.random(n)
            < np.interp((window.last - birth) / YEAR, [20, 45, 60, 75], [0.01, 0.05, 0.14, 0.22]),
            brushing=_brushing(rng, sex, life),
        )

    def age(self, who: Ints, day: Ints) -> Floats:
        """Age of some people on a day each, years."""
        return (day - self.birth[who]) / YEAR


def _ages(rng: Generator, n: int) -> Ints:
    band = rng.choice(len(_AGE_SHARES), n, p=_AGE_SHARES)
    low, high = _AGE_BANDS[band], _AGE_BANDS[band + 1]
    return (rng.uniform(low, high) * YEAR).astype(np.int64)


def _arrivals(rng: Generator, birth: Ints, window: Window) -> Ints:
    length = window.last - window.first
    here_before = rng.random(len(birth)) < 0.78
    moved_in = window.first + (rng.random(len(birth)) * length * 0.95).astype(np.int64)
    first_check = birth + (rng.uniform(0.5, 1.0, len(birth)) * YEAR).astype(np.int64)
    return np.maximum(np.where(here_before, window.first, moved_in), first_check)


def _leavings(rng: Generator, birth: Ints, arrive: Ints, window: Window) -> Ints:
    age = np.maximum((arrive - birth) / YEAR, 0.0) + (window.last - arrive) / (2 * YEAR)
    death = 0.0005 * np.exp(0.085 * np.maximum(age - 30.0, 0.0))
    moving = np.interp(age, [0, 18, 25, 40, 70], [0.015, 0.03, 0.04, 0.02, 0.006])
    day = arrive + 1 + (rng.exponential(1.0 / (death + moving)) * YEAR).astype(np.int64)
    return np.where(day <= window.last, day, NEVER)


def _languages(rng: Generator, district: Ints) -> Ints:
    n = len(district)
    other = rng.random(n) < (1.0 - _FINNISH - _SWEDISH) * _DISTRICT_OTHER[district]
    home = (rng.random(n) < _SWEDISH / (_FINNISH + _SWEDISH)).astype(np.int64)
    return np.where(other, 2 + rng.choice(len(_OTHER_LANGUAGES), n, p=_OTHER_LANGUAGES), home)


def _caries(rng: Generator, life: Floats, access: Floats, sex: Ints, language: Ints) -> Floats:
    # Men, and those whose native language is neither Finnish nor Swedish, have more decay (Healthy Finland 2023).
    level = np.log(_RATE) + 1.1 * life - 0.3 * access + 0.15 * sex + 0.2 * (language > 1)
    return np.asarray(np.exp(level + _RATE_SPREAD * rng.standard_normal(len(life))), np.float64)


def _access(rng: Generator, life: Floats, fear: Floats, language: Ints, district: Ints) -> Floats:
    pulled = _DISTRICT_ACCESS[district] - 0.45 * (language > 1) - 1.2 * (life - 0.25) - 1.0 * (fear - 0.2)
    return np.asarray(pulled + 0.8 * rng.standard_normal(len(life)), np.float64)


def _brushing(rng: Generator, sex: Ints, life: Floats) -> Ints:
    # Twice a day or more: women 80 %, men 57 % (Healthy Finland 2023).
    twice = rng.random(len(sex)) < np.where(sex == 1, 0.64, 0.87) - 0.28 * life
    return np.where(twice, 2, (rng.random(len(sex)) < 0.85).astype(np.int64))

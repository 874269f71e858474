"""A worker that asks itself, again and again, and says each answer's name once it is given; to be killed at any moment.

Arguments: the folder of a release, a folder to keep things in, how many answers it gives, and after how many seconds
more it is killed while it works on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

from serving.house import House
from serving.release import Release
from serving.settings import Settings
from tests.serving.asker import URL, asker, posted


def main(release_folder: Path, folder: Path, answers: int, seconds: float) -> None:
    house = House.open(Settings.under(folder, None, URL))
    api = asker(Release.read(release_folder), house)
    for at in count():
        if at == answers:
            threading.Thread(target=_die, args=(seconds,), daemon=True).start()
        name = api.answer(posted())["id"]
        if at % 3 == 0:
            name = api.post(f"/v1/assessments/{name}/answers", {"answers": [{"question": "pain", "value": 1}]}).json()[
                "id"
            ]
        elif at % 3 == 1:
            assert api.post(f"/v1/assessments/{name}/decision", {"outcome": "accepted", "comment": "x"}).is_success
        os.write(1, f"{name}\n".encode())


def _die(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))

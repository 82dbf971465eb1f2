"""The HTTP API under schemathesis: whatever request its own description allows, and whatever it does not."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from test_api import SEEDS, TOKEN, Served, serving

from assistant.api import application


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = Path(shutil.copytree(SEEDS, tmp_path_factory.mktemp("folder") / "seeds"))
    with serving(folder, tmp_path_factory.mktemp("data")) as running:
        running.http.get("/search", params={"q": "Who met whom?"})  # the index is in step before the first question
        yield running


def test_every_request_is_answered_or_refused_in_a_sentence(served: Served) -> None:
    # What FastAPI says of the interface; it is not served, since nobody needs it there.
    description = application(served.library, TOKEN, "127.0.0.1")._app.openapi()  # type: ignore[attr-defined]
    description["components"]["schemas"]["ChatRequest"]["properties"]["model"] = {"const": "footnote"}
    operations = [found.ok() for found in schemathesis.openapi.from_dict(description).get_all_operations()]
    assert len(operations) == 5
    seen: Counter[tuple[str, int]] = Counter()
    for operation in operations:
        for mode in schemathesis.GenerationMode:  # what the description allows, and what it does not
            try:
                requests = operation.as_strategy(generation_mode=mode)
            except SkipTest:
                continue  # nothing can be wrong with a request that has no parts

            @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
            @given(request=requests)
            def ask(request: schemathesis.Case) -> None:
                answer = request.call(base_url=served.url, headers={"Authorization": f"Bearer {TOKEN}"})
                seen[request.operation.label, answer.status_code // 100] += 1
                assert answer.status_code < 500, (answer.status_code, answer.text)
                if answer.status_code >= 400:
                    assert answer.json()["error"]["message"].endswith((".", ")")), answer.text
                else:
                    assert answer.headers["content-type"][0].startswith(("application/json", "text/event-stream"))

            with suppress(Unsatisfiable):  # the same, found later
                ask()
    for label in ("POST /v1/chat/completions", "GET /search"):
        assert seen[label, 2], "no request was answered"
        assert seen[label, 4], "no request was refused"

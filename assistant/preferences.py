"""What a person sets in the window: whose model writes the answers. It is kept in the data folder, for every folder of
documents; the key of it is kept in the system's keyring and nowhere else.

What is set here takes the place of the environment's endpoint, in the window. The command line goes by the environment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pydantic import SecretStr, ValidationError

from assistant.errors import EndpointError, FootnoteError
from assistant.prompting import Message
from assistant.settings import Endpoint, Settings, reasons

_SERVICE = "footnote"
_TEST_SECONDS = 20.0  # of silence
_TEST_TOKENS = 512  # enough for a model that thinks before it speaks


@dataclass(frozen=True, slots=True)
class Choice:
    """What was set: the address of an endpoint and a model's name, either empty where there is none."""

    base_url: str = ""
    model: str = ""


class Preferences:
    """The choice kept in one data folder. Every method raises FootnoteError when it can be neither read nor kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.data_dir / "endpoint.json"

    def choice(self) -> Choice | None:
        """What was set in the window; None while the environment decides."""
        with self._told():
            if not self._path.exists():
                return None
            try:
                return Choice(**json.loads(self._path.read_text(encoding="utf-8")))
            except (ValueError, TypeError):
                return None  # a file that says nothing sets nothing

    def endpoint(self) -> Endpoint | None:
        """The endpoint that answers: the one set here, else the environment's; None for the documents' own words."""
        choice = self.choice()
        if choice is None:
            return self._settings.endpoint
        return self.endpoint_of(choice) if choice.base_url else None

    def endpoint_of(self, choice: Choice, key: str = "") -> Endpoint:
        """The endpoint of a choice, with the key given, else the one kept for its address. Raises FootnoteError."""
        try:
            # Of these values alone: nothing of the environment's, least of all its key, goes to an address set here.
            read = Settings.model_validate(
                {"OPENAI_BASE_URL": choice.base_url, "OPENAI_API_KEY": key, "FOOTNOTE_MODEL": choice.model}
            )
        except ValidationError as error:
            said = " ".join(reason for _, reason in reasons(error))
            raise FootnoteError(f"This cannot be used: {said}") from None
        endpoint = read.endpoint
        if endpoint is None:
            raise FootnoteError("Give the address of the endpoint, as http://localhost:8080/v1.")
        if not endpoint.key.get_secret_value():
            endpoint = replace(endpoint, key=SecretStr(self._kept_key(endpoint.base_url)))
        return replace(endpoint, timeout=self._settings.timeout, entailment=self._settings.entailment)

    def save(self, choice: Choice, key: str = "") -> None:
        """Keep a choice, and its key where one is given. Raises FootnoteError, and then keeps neither."""
        if choice.base_url:
            endpoint = self.endpoint_of(choice, key)
            choice = replace(choice, base_url=endpoint.base_url)
            if key:
                self._keep_key(endpoint.base_url, endpoint.key.get_secret_value())
        with self._told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps({"base_url": choice.base_url, "model": choice.model}), encoding="utf-8")
            partial.replace(self._path)

    def reset(self) -> None:
        """Let the environment decide again, and forget the key that was kept."""
        choice = self.choice()
        if choice and choice.base_url:
            self.forget_key(choice.base_url)
        with self._told():
            self._path.unlink(missing_ok=True)

    def forget_key(self, base_url: str) -> None:
        """Take the key of an address out of the keyring; nothing happens where none is kept."""
        import keyring
        from keyring.errors import KeyringError

        try:
            keyring.delete_password(_SERVICE, base_url)
        except KeyringError:  # there was none, or no keyring: either way none is kept now
            return

    def has_key(self, base_url: str) -> bool:
        """Whether a key is at hand for an address."""
        return bool(self._kept_key(base_url))

    def _kept_key(self, base_url: str) -> str:
        """The key for an address. The environment's goes to the environment's address and to no other."""
        import keyring
        from keyring.errors import KeyringError

        try:
            kept = keyring.get_password(_SERVICE, base_url)
        except KeyringError:
            kept = None
        environment = self._settings.endpoint
        if not kept and environment is not None and environment.base_url == base_url:
            return environment.key.get_secret_value()
        return kept or ""

    def _keep_key(self, base_url: str, key: str) -> None:
        import keyring
        from keyring.errors import KeyringError

        try:
            keyring.set_password(_SERVICE, base_url, key)
        except KeyringError as error:
            raise FootnoteError(NO_KEYRING) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FootnoteError(
                f"What was set cannot be kept in {self._path} ({error.strerror}). Make its folder writable."
            ) from error


NO_KEYRING = (
    "This system has no keyring that Footnote can keep a key in. Set the environment variable OPENAI_API_KEY, with "
    "OPENAI_BASE_URL for its address, and start Footnote again."
)


def has_keyring() -> bool:
    """Whether the system offers a keyring that keeps keys."""
    import keyring
    from keyring.backends import fail, null

    return not isinstance(keyring.get_keyring(), fail.Keyring | null.Keyring)


def tried(endpoint: Endpoint) -> str:
    """Ask the endpoint for a word, and say in a sentence what came of it."""
    from assistant.llm import ChatModel

    began = time.monotonic()
    try:
        model = ChatModel(replace(endpoint, timeout=min(endpoint.timeout, _TEST_SECONDS)))
        stream = model.stream([Message("user", "Answer with one word: yes.")], _TEST_TOKENS)
        try:
            next(stream, "")
        finally:
            stream.close()
    except EndpointError as fault:
        return str(fault)
    return f"It works; {model.name} answered after {time.monotonic() - began:.1f} s."

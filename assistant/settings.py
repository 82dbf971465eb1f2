"""What a person can set, all of it through environment variables.

    OPENAI_BASE_URL      address of an OpenAI-compatible endpoint, such as http://localhost:8080/v1
    OPENAI_API_KEY       its key; with the key alone the endpoint is api.openai.com
    FOOTNOTE_MODEL       the model to ask for; unset, OpenAI's default below or the first one another endpoint offers
    FOOTNOTE_ENTAILMENT  "on": the endpoint, too, is asked of each sentence it wrote whether its source carries it
    FOOTNOTE_TIMEOUT     seconds without a byte from the endpoint after which it counts as gone
    FOOTNOTE_DATA_DIR    where indexes and conversations are kept
    FOOTNOTE_CHROMA_URL  address of a Chroma server (`chroma run`) for the index; unset, Chroma runs inside Footnote
                         (CHROMA_TENANT, CHROMA_DATABASE and CHROMA_API_KEY are obeyed, as by Chroma's own client)
    FOOTNOTE_WORKERS     address of the scheduler of a Dask cluster whose workers embed passages; unset, they are embedded
                         here
    FOOTNOTE_LOGIN       a TOML file with the OpenID provider that people sign in with (see assistant/login.py); unset,
                         the window is one person's, on this machine
    FOOTNOTE_TOKEN       what clients of `footnote serve` must send; unset, it makes one up at each start

With neither an address nor a key there is no endpoint, and nothing leaves this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from index.errors import FootnoteError

OPENAI_BASE_URL = "https://api.openai.com/v1"
# The smallest general chat model that openai 3.57.0 lists (openai.types.shared.chat_model) without a shutdown date.
OPENAI_MODEL = "gpt-5.4-mini"


class SettingsInvalid(FootnoteError):
    """An environment variable holds a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible chat endpoint.

    `base_url` ends where "/chat/completions" is appended, without a trailing slash. `key` never shows in a `repr`;
    it is empty for an endpoint that asks for none. `model` is empty when the endpoint is to be asked which it offers.
    `timeout` is the longest silence, in seconds. `entailment` has it give a second opinion on every sentence.
    """

    base_url: str
    key: SecretStr
    model: str
    timeout: float = 120.0
    entailment: bool = False


class Settings(BaseSettings):
    """The environment variables above, checked. Make it with `Settings.read()`, whose errors are sentences."""

    # A rejected value is kept out of the error's text: the value could be the key.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    base_url: str = Field(default="", validation_alias="OPENAI_BASE_URL")
    key: SecretStr = Field(default=SecretStr(""), validation_alias="OPENAI_API_KEY")
    model: str = Field(default="", validation_alias="FOOTNOTE_MODEL")
    entailment: bool = Field(default=False, validation_alias="FOOTNOTE_ENTAILMENT")
    # A model on a processor can take a minute and more to read a long prompt, and is silent meanwhile.
    timeout: float = Field(default=120.0, validation_alias="FOOTNOTE_TIMEOUT", gt=0, allow_inf_nan=False)
    data_dir: Path = Field(
        default_factory=lambda: user_data_path("footnote", appauthor=False), validation_alias="FOOTNOTE_DATA_DIR"
    )

    chroma_url: str = Field(default="", validation_alias="FOOTNOTE_CHROMA_URL")
    workers: str = Field(default="", validation_alias="FOOTNOTE_WORKERS")
    token: SecretStr = Field(default=SecretStr(""), validation_alias="FOOTNOTE_TOKEN")
    login: Path | None = Field(default=None, validation_alias="FOOTNOTE_LOGIN")

    @classmethod
    def read(cls) -> Self:
        """The settings of this process's environment.

        Raises `SettingsInvalid`, naming the variable and what it should hold, never the value it holds.
        """
        try:
            return cls()
        except ValidationError as error:
            problems = (f"{variable}: {reason}" for variable, reason in reasons(error))
            raise SettingsInvalid("Correct the environment and start again. " + " ".join(problems)) from None

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that was named, by its address or by a key; None when there is none. Asks nothing of it."""
        if not self.base_url and not self.key.get_secret_value():
            return None
        base_url = self.base_url or OPENAI_BASE_URL
        openai_itself = urlsplit(base_url).hostname == urlsplit(OPENAI_BASE_URL).hostname
        return Endpoint(
            base_url=base_url,
            key=self.key,
            model=self.model or (OPENAI_MODEL if openai_itself else ""),
            timeout=self.timeout,
            entailment=self.entailment,
        )

    @field_validator("base_url", mode="after")
    @classmethod
    def _an_http_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("give a whole address that begins with http:// or https://, as http://localhost:8080/v1.")
        if parts.query or parts.fragment:
            raise ValueError("give the address without a part after ? or #.")
        # People copy the address of the call itself from examples.
        return value.removesuffix("/chat/completions")

    @field_validator("chroma_url", mode="after")
    @classmethod
    def _a_servers_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path):
            raise ValueError("give the address of a server that 'chroma run' started, as http://localhost:8000.")
        return value

    @field_validator("workers", mode="after")
    @classmethod
    def _a_schedulers_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        parts = urlsplit(value)
        if value and (parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port or parts.path):
            raise ValueError("give the address that 'dask scheduler' printed, as tcp://192.168.1.7:8786.")
        return value

    @field_validator("key", mode="after")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if not key.isascii() or not key.isprintable():
            raise ValueError("it holds a character no key has; copy the key again.")
        return SecretStr(key)

    @field_validator("token", mode="after")
    @classmethod
    def _one_word(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("choose letters, digits and punctuation without spaces; clients send it in a header.")
        return SecretStr(token)

    @field_validator("model", mode="after")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        return value.strip()

    @field_validator("data_dir", "login", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        # Made absolute once, so that a later change of the working directory does not move the index.
        return value.expanduser().absolute() if value else None


def reasons(error: ValidationError) -> list[tuple[str, str]]:
    """Each variable with what is wrong with it; never the value."""
    return [(_variable(problem["loc"]), _reason(problem["msg"])) for problem in error.errors()]


def _variable(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _reason(message: str) -> str:
    reason = message.removeprefix("Value error, ")
    return reason if reason.endswith(".") else reason + "."

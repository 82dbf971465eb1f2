"""The direction of imports: ui -> assistant -> index, assistant -> prompts, and a few libraries in one place only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "index": {"index"},
    "assistant": {"assistant", "index", "prompts"},
    "ui": {"ui", "assistant"},
    "prompts": {"prompts"},
}
# Who may import what.
ONLY_IN = {
    "openai": ("assistant/llm.py",),
    "streamlit": ("ui/",),
    "chromadb": ("index/",),
    "llama_index": ("index/",),
    "onnxruntime": ("index/",),
    "tokenizers": ("index/",),
    "fastapi": ("assistant/api.py",),
}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


MODULES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_own_layer_and_below(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    # The command line starts the window; nothing else of the assistant knows of it.
    allowed = LAYERS[layer] | ({"ui"} if path == ROOT / "assistant" / "cli.py" else set())
    assert imported(path) & LAYERS.keys() <= allowed


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_library_is_imported_where_it_belongs_and_nowhere_else(package: str) -> None:
    users = [str(path.relative_to(ROOT)) for path in MODULES if package in imported(path)]
    assert all(user.startswith(ONLY_IN[package]) for user in users)


def test_no_file_of_the_window_shadows_a_package() -> None:
    # Streamlit puts ui/ first on sys.path, where a file ui/index.py would be found as the package `index`.
    names = {path.stem for path in (ROOT / "ui").iterdir()}
    assert not names & (LAYERS.keys() | ONLY_IN.keys())


UNPICKLING = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "torch"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled(path: Path) -> None:
    assert not imported(path) & UNPICKLING
    # NumPy's own loaders unpickle where they are let.
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if ast.unparse(call.func) in ("np.load", "numpy.load")]
    assert not [word for call in calls for word in call.keywords if word.arg == "allow_pickle"]

"""Metrics and artefacts kept outside git: what a change of their files moves."""

from __future__ import annotations

import json

import pytest

from release_mgmt.core.evidence import artefacts, metrics
from release_mgmt.core.evidence.artefacts import ArtefactChange
from release_mgmt.core.evidence.bounded import Unreadable
from release_mgmt.core.evidence.metrics import MetricChange


def test_dvc_metrics_show_old_and_new() -> None:
    """Nested numbers are named by their path; what stays is not told."""
    old = b'{"avg_prec": {"train": 0.94, "test": 0.92}, "roc_auc": 0.95, "labels": "x", "ok": true}'
    new = b'{"avg_prec": {"train": 0.97, "test": 0.92}, "f1": 0.9}'
    assert metrics.changes("eval/metrics.json", old, new) == (
        MetricChange("avg_prec.train", 0.94, 0.97),
        MetricChange("f1", None, 0.9),
        MetricChange("roc_auc", 0.95, None),
    )


def test_metrics_of_mlflow() -> None:
    """The file store's series and an exported run are read."""
    path = "mlruns/0/0123456789abcdef0123456789abcdef/metrics/val/loss"
    series = metrics.changes(path, b"1700000000000 0.5 0\n", b"1700000000000 0.5 0\n1700000001000 0.25 1\n")
    assert series == (MetricChange("val/loss", 0.5, 0.25),)
    run = {"info": {"run_id": "1"}, "data": {"metrics": [{"key": "rmse", "value": 3.5}], "params": {"lr": 1}}}
    assert metrics.read("export/run.json", json.dumps(run).encode()) == {"rmse": 3.5}


def test_metrics_in_yaml_with_nan() -> None:
    """YAML is read, and a metric that stays not-a-number did not move."""
    assert metrics.changes("metrics.yaml", b"a: .nan\nb: 1\n", b"a: .nan\nb: 2\n") == (MetricChange("b", 1.0, 2.0),)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metrics.json", True),
        ("reports/train_metrics.json", True),
        ("dvclive/plots/metrics/acc.json", True),
        ("scores.yaml", True),
        ("src/metrics.py", False),
        ("params.yaml", False),
        ("package.json", False),
    ],
)
def test_which_files_hold_metrics(path: str, expected: bool) -> None:
    """Metrics files are known by their names."""
    assert metrics.is_metrics(path) is expected


def test_unreadable_metrics() -> None:
    """A broken new file says so, a broken old one is empty."""
    with pytest.raises(Unreadable):
        metrics.changes("metrics.json", b"{}", b"{")
    assert metrics.changes("metrics.json", b"{", b'{"a": 1}') == (MetricChange("a", None, 1.0),)


OLD_DVC = b"outs:\n- md5: a304afb96060aad90176268345e10355\n  size: 37891850\n  path: data.xml\n"


def test_dvc_file() -> None:
    """A .dvc file names what it stands for beside itself."""
    new = OLD_DVC.replace(b"a304", b"b304").replace(b"37891850", b"37891851")
    (change,) = artefacts.changes("data/data.xml.dvc", OLD_DVC, new)
    assert (change.path, change.kind) == ("data/data.xml", "data")
    assert change.old is not None
    assert change.new is not None
    assert (change.old.size, change.new.size) == (37891850, 37891851)


def test_dvc_lock() -> None:
    """Outputs of stages are compared by checksum, with their stage; the first form of the file is read too."""
    stage = "train:\n  cmd: python train.py\n  deps:\n  - {path: a, md5: 1a}\n  outs:\n  - {path: model.pkl, md5: %s}\n"
    indented = "schema: '2.0'\nstages:\n" + "".join(f"  {line}\n" for line in (stage % "2b").splitlines())
    (change,) = artefacts.changes("dvc.lock", (stage % "1b").encode(), indented.encode())
    assert change.kind == "model"
    assert change.new is not None
    assert (change.path, change.new.checksum, change.new.stage) == ("model.pkl", "md5:2b", "train")


def test_lfs_pointer() -> None:
    """A pointer of Git LFS tells checksum and size; a file of another kind is none."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    assert artefacts.is_artefacts("model.onnx", pointer)
    assert artefacts.changes("model.onnx", pointer, None) == (
        ArtefactChange("model.onnx", artefacts.lfs_pointer("model.onnx", pointer), None),
    )
    assert not artefacts.is_artefacts("model.onnx", b"\x08\x07")

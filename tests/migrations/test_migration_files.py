"""Which folders and files are fit to run, and what is said of the others. No database is needed for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings.migrations import MigrationError, expected_version, files


def write(folder: Path, *names: str, text: str = "SELECT 1;\n") -> Path:
    for name in names:
        (folder / name).write_text(text)
    return folder


def test_a_good_folder_is_read_in_order(tmp_path: Path) -> None:
    write(tmp_path, "0002_b2.sql", "0001_a.sql", "README.md", ".hidden")
    assert [migration.file_name for migration in files.load(tmp_path)] == ["0001_a.sql", "0002_b2.sql"]
    assert expected_version(tmp_path) == 2


def test_an_empty_folder_expects_version_0(tmp_path: Path) -> None:
    assert files.load(tmp_path) == []
    assert expected_version(tmp_path) == 0


@pytest.mark.parametrize(
    "names, sentence",
    [
        (["0001_a.sql", "0003_c.sql"], "0003_c.sql follows a gap, number 0002 is missing: restore"),
        (["0002_b.sql"], "number 0001 is missing"),
        (["0000_zero.sql"], "number 0001 is missing"),
        (["0001_a.sql", "0001_b.sql"], "0001_a.sql and 0001_b.sql have the same number: renumber"),
        (["0001_Rooms.sql"], "0001_Rooms.sql is badly named: rename it to NNNN_lower_case.sql"),
        (["1_rooms.sql"], "badly named"),
        (["0001-rooms.sql"], "badly named"),
        (["0001_rooms.sq"], "badly named"),
        (["0001_rooms.sql~"], "badly named"),
    ],
)
def test_folders_out_of_order_are_refused(tmp_path: Path, names: list[str], sentence: str) -> None:
    with pytest.raises(MigrationError, match=sentence):
        files.load(write(tmp_path, *names))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"There is no folder .*--directory"):
        files.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("-- only a comment\n", "0001_a.sql: the file holds no statement: write one or delete the file"),
        ("CREATE TABLE a ();\nCOMMIT;\n", "COMMIT would end or nest the transaction"),
        ("begin; SELECT 1;", "BEGIN would"),
        ("SELECT 1; start /* x */ transaction;", "START TRANSACTION would"),
        ("SELECT 1; ROLLBACK TO SAVEPOINT x", "ROLLBACK TO would"),
        ("SELECT 1; END", "END would"),
        ("SELECT 1; ABORT", "ABORT would"),
        ("SELECT 1; PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION would"),
        ("-- migrate: no-transaction\nVACUUM; VACUUM", "exactly one statement but this one has 2: split it"),
        ("-- migrate: no-transaction\nCOMMIT", "COMMIT would"),
        (
            "-- migrate: no_transaction\nVACUUM",
            "is not understood: write '-- migrate: no-transaction' as",
        ),
        ("\n-- migrate: no-transaction\nVACUUM", "as the first line"),
        ("SELECT 'open", "0001_a.sql: line 1 opens a quote that never ends"),
    ],
)
def test_files_that_cannot_run_safely_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(MigrationError, match=sentence):
        files.load(write(tmp_path, "0001_a.sql", text=text))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT '\xff'")
    with pytest.raises(MigrationError, match="not UTF-8"):
        files.load(tmp_path)


def test_words_of_transactions_are_fine_where_they_control_none(tmp_path: Path) -> None:
    text = "DO $$ BEGIN NULL; END $$; SELECT 'COMMIT;' AS commit -- COMMIT;\n; PREPARE x AS SELECT 1"
    (only,) = files.load(write(tmp_path, "0001_a.sql", text=text))
    assert only.transactional


def test_the_checksum_does_not_depend_on_line_ends_but_on_all_else(tmp_path: Path) -> None:
    path = tmp_path / "0001_a.sql"
    checksums = []
    for content in (b"SELECT 1;\n", b"SELECT 1;\r\n", b"SELECT 2;\n"):
        path.write_bytes(content)
        checksums.append(files.load(tmp_path)[0].checksum)
    assert checksums[0] == checksums[1] != checksums[2]


def test_new_takes_the_next_number(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql")
    assert files.create("add_rooms", tmp_path, dry_run=True) == tmp_path / "0002_add_rooms.sql"
    assert expected_version(tmp_path) == 1
    assert files.create("add_rooms", tmp_path).read_text().startswith("-- ")
    assert expected_version(tmp_path) == 2


@pytest.mark.parametrize("name", ["AddRooms", "add-rooms", "", "1st", "a b"])
def test_new_refuses_a_bad_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(MigrationError, match="cannot name a migration: use lower-case"):
        files.create(name, tmp_path)


def test_the_services_own_migrations_are_in_order() -> None:
    assert len(files.load()) == expected_version() >= 1

import json

from orrery_trainers.domains.problems import main


def test_problems_are_printed_one_per_line_and_equal_seeds_give_equal_problems(capsys):
    arguments = ["--domain", "countdown", "--count", "3", "--seed", "7", "--settings", '{"numbers": 4}']
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert [sorted(json.loads(line)) for line in printed.splitlines()] == [["id", "problem", "reference", "source"]] * 3
    main(arguments)
    assert capsys.readouterr().out == printed


def test_a_wrong_setting_prints_nothing_but_the_field(capsys):
    assert main(["--domain", "countdown", "--count", "3", "--seed", "7", "--settings", '{"numbers": "4"}']) == 65
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "domain.settings.numbers" in printed.err


def test_settings_that_are_not_an_object_are_refused(capsys):
    assert main(["--domain", "countdown", "--count", "3", "--seed", "7", "--settings", "[1]"]) == 65
    assert "--settings: expected a JSON object" in capsys.readouterr().err

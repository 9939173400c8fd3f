"""The measurement of joins works; what it measures is for docs/performance.md."""

from join_time import PARTS, measure, table


def test_the_parts_of_a_join_are_measured(server, stage, browser):
    marks = measure(browser, server, stage, 3)
    assert len(marks) == 3
    for each in marks:
        times = [each[name] for name in PARTS]
        assert times == sorted(times), "one after the other"
    print(f"\n{table(marks)}")

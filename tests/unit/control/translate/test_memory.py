from hauberk_control.translate.memory import Memory


def test_a_value_is_made_anew_when_what_it_came_from_differs() -> None:
    memory = Memory[int]()
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [memory.get("a", ([1],), make), memory.get("a", ([1],), make)] == [0, 0]
    assert memory.get("a", ([2],), make) == 1
    assert memory.get("b", ([2],), make) == 2


def test_what_is_not_asked_for_is_forgotten() -> None:
    memory = Memory[int]()
    memory.get("kept", (), lambda: 1)
    memory.get("left", (), lambda: 2)
    for _ in range(9):
        memory.next_generation()
        memory.get("kept", (), lambda: 3)
    assert len(memory) == 1
    assert memory.get("kept", (), lambda: 4) == 1

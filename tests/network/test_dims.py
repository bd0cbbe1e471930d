import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnshape.errors import UsageError
from rnnshape.network.dims import parse_dim, symbol, write_dim, write_shape

H, I, N = symbol("H"), symbol("I"), symbol("N")  # noqa: E741


def test_a_shape_is_written_with_crosses():
    assert write_shape((7, 20)) == "7×20"


def test_symbols_multiply_and_add_as_polynomials():
    assert str(2 * H) == "2*H"
    assert str(4 * H * I + 8 * H) == "4*H*I + 8*H"
    assert H * I == I * H
    assert H + H == 2 * H


def test_a_symbol_is_written_without_the_star_for_a_person():
    assert write_dim(4 * H * I + 23 * H) == "4H·I + 23H"
    assert write_shape((N, 4 * H)) == "N×4H"


def test_names_that_cancel_leave_a_number():
    assert 0 * H == 0
    assert H + -1 * H == 0


def test_division_is_exact():
    assert (4 * H) // 4 == H
    with pytest.raises(ValueError, match="does not divide"):
        (3 * H) // 2


@pytest.mark.parametrize("text, value", [("20", 20), ("-1", -1), ("H", H), ("2*H", 2 * H)])
def test_a_size_is_a_number_a_name_or_a_product(text, value):
    assert parse_dim(text, "size") == value


@pytest.mark.parametrize(
    "text", ["", "2.5", "H+1", "7 20", "1" * 500, "10" + "0" * 30, "ä\x1b[31m"]
)
def test_anything_else_is_refused_in_one_message(text):
    with pytest.raises(UsageError, match="size: expected"):
        parse_dim(text, "size")


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(-99, 99))
def test_products_distribute_over_sums(a, b, c):
    left, right = (a * H + b) * (c * I), a * c * H * I + b * c * I
    assert left == right
    assert hash(left) == hash(right)

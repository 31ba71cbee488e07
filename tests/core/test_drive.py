import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive, GatedConductance

V = jnp.asarray([-60.0, -40.0])


def arrays(*values):
    return [None if x is None else jnp.asarray([x, 2 * x]) for x in values]


# current, conductance, jump, current_end, conductance_end, in all the ways they may be missing
DRIVES = [
    (None, None, None, None, None),
    (2.0, None, None, None, None),
    (None, 3.0, 0.5, None, None),
    (1.0, None, None, 4.0, None),
    (-120.0, 2.0, 0.25, -60.0, 1.0),
    (None, None, None, 7.0, 0.5),
    (5.0, None, None, None, 0.75),
]


def exact(drive, v, c):
    """I(v) at c by the definition: each part runs linearly from start to end, missing is 0."""
    current, conductance, _, current_end, conductance_end = (
        0.0 if x is None else np.asarray(x) for x in drive
    )
    has_end = [x is not None for x in drive[3:]]
    current = (1 - c) * current + c * current_end if has_end[0] else current
    conductance = (1 - c) * conductance + c * conductance_end if has_end[1] else conductance
    return current - conductance * np.asarray(v)


@pytest.mark.parametrize("parts", DRIVES)
@pytest.mark.parametrize("c", [0.0, 0.25, 1.0])
def test_current_at_a_moment_of_the_step(parts, c):
    parts = arrays(*parts)
    drive = Drive(*parts)
    np.testing.assert_allclose(drive.at(V, c), exact(parts, V, c), rtol=1e-6)
    frozen = drive.during(c)
    assert frozen.current_end is None
    assert frozen.conductance_end is None
    np.testing.assert_array_equal(frozen.at(V, 0.9), drive.at(V, c))
    if drive.jump is not None:
        np.testing.assert_array_equal(frozen.jump, drive.jump)


@pytest.mark.parametrize("first", DRIVES)
@pytest.mark.parametrize("second", DRIVES)
def test_drives_add(first, second):
    a, b = arrays(*first), arrays(*second)
    total, other = Drive(*a) + Drive(*b), Drive(*b) + Drive(*a)
    for c in (0.0, 0.25, 1.0):
        wanted = exact(a, V, c) + exact(b, V, c)
        np.testing.assert_allclose(total.at(V, c), wanted, rtol=1e-6)
        np.testing.assert_array_equal(total.at(V, c), other.at(V, c))
    jumps = [x for x in (a[2], b[2]) if x is not None]
    assert (total.jump is None) == (not jumps)
    if jumps:
        np.testing.assert_allclose(total.jump, sum(jumps))


def test_no_drive_is_neutral_and_adds_no_parts():
    drive = Drive(current=jnp.ones(2))
    total = drive + Drive()
    assert total.current is drive.current
    assert total.conductance is None
    assert Drive().at(V) == 0.0


@pytest.mark.parametrize("parts", DRIVES)
@pytest.mark.parametrize("c", [0.25, jnp.asarray([0.25, 0.75])])
def test_a_step_may_be_cut_in_two(parts, c):
    parts = arrays(*parts)
    drive = Drive(*parts)
    first, second = drive.before(c), drive.after(c)
    assert first.jump is None
    assert second.jump is None
    for inner in (0.0, 0.5, 1.0):
        np.testing.assert_allclose(first.at(V, inner), exact(parts, V, c * inner), rtol=1e-6)
        at = c + (1.0 - c) * inner
        np.testing.assert_allclose(second.at(V, inner), exact(parts, V, at), rtol=1e-6)


def test_ports_add_and_move_along_with_the_drive():
    ramp = Drive(current=jnp.asarray([1.0, 2.0]), current_end=jnp.asarray([3.0, 4.0]))
    one = Drive(current=jnp.asarray([5.0, 5.0]), ports={"base": ramp})
    both = one + Drive(ports={"base": ramp, "draw": Drive(current=jnp.asarray([0.5, 0.5]))})
    np.testing.assert_array_equal(both.at(V), [5.0, 5.0])
    np.testing.assert_array_equal(both.port("base").at(V), [2.0, 4.0])
    np.testing.assert_array_equal(both.port("draw").at(V), [0.5, 0.5])
    assert both.port("other").at(V) == 0.0
    for cut, wanted in ((both.during(0.5), [4.0, 6.0]), (both.after(0.5), [4.0, 6.0])):
        np.testing.assert_array_equal(cut.port("base").at(V), wanted)
    np.testing.assert_array_equal(both.before(0.5).port("base").at(V, 1.0), [4.0, 6.0])


def opened(v):
    """A gate: the fraction open at v."""
    return jax.nn.sigmoid((v + 50.0) * 0.1)


def gated(start, end=None, e_rev=-10.0):
    ends = None if end is None else jnp.asarray([end, 2 * end])
    return GatedConductance(opened, jnp.asarray([start, 2 * start]), e_rev, ends)


def test_gated_conductances_act_at_the_voltage_they_are_asked_for():
    drive = Drive(current=jnp.asarray([3.0, 4.0]), gated=(gated(2.0, 6.0),))
    for v in (V, V + 25.0):
        for c in (0.0, 0.25, jnp.asarray([0.25, 0.75])):
            g = np.asarray([2.0, 4.0]) * (1 + 2 * np.asarray(c))
            wanted = np.asarray([3.0, 4.0]) + opened(v) * g * (-10.0 - v)
            np.testing.assert_allclose(drive.at(v, c), wanted, rtol=1e-6)
            np.testing.assert_allclose(drive.during(c).at(v, 0.9), wanted, rtol=1e-6)
    lasting = Drive(gated=(gated(2.0),))
    np.testing.assert_allclose(lasting.at(V, 0.5), lasting.at(V), rtol=1e-6)


def test_gated_conductances_add_in_any_company():
    one, two = Drive(gated=(gated(2.0, 6.0),)), Drive(gated=(gated(1.0, e_rev=30.0),))
    affine = Drive(current=jnp.ones(2), conductance=jnp.full(2, 0.5))
    total = one + affine + Drive() + two
    assert len(total.gated) == 2
    for c in (0.0, 0.5):
        wanted = one.at(V, c) + affine.at(V, c) + two.at(V, c)
        np.testing.assert_allclose(total.at(V, c), wanted, rtol=1e-6)


def test_gated_conductances_are_cut_with_the_step_and_aimed_at_ports():
    drive = Drive(gated=(gated(2.0, 6.0),))
    drive += Drive(ports={"base": drive}) + Drive(ports={"base": Drive(gated=(gated(1.0),))})
    both = drive.port("base")
    np.testing.assert_allclose(both.at(V), drive.at(V) + gated(1.0).at(V), rtol=1e-6)
    for c in (0.25, jnp.asarray([0.25, 0.75])):
        for inner in (0.0, 0.5, 1.0):
            for whole, first, second in (
                (drive, drive.before(c), drive.after(c)),
                (both, drive.before(c).port("base"), drive.after(c).port("base")),
            ):
                np.testing.assert_allclose(first.at(V, inner), whole.at(V, c * inner), rtol=1e-6)
                at = c + (1.0 - c) * inner
                np.testing.assert_allclose(second.at(V, inner), whole.at(V, at), rtol=1e-6)

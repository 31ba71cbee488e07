import re
import textwrap

import jax
import jax.numpy as jnp
import pytest

from jaxneuro import edges, topology


@pytest.mark.parametrize("name", sorted(name for name in dir(topology) if name[0] != "_"))
def test_the_example_of_a_public_name_runs(name):
    part = getattr(topology, name)
    if name in ("AbstractKernel", "Layered"):
        return  # shown by those that make them
    (code,) = re.findall(r"```python\n(.*?)```", part.__doc__, re.S)
    if "networkx" in code:
        pytest.importorskip("networkx")
    names = {"jax": jax, "jnp": jnp, "topology": topology, **vars(edges)}
    exec(textwrap.dedent(code), names)

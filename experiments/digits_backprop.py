"""Train a spiking network on handwritten digits by hand: the public API, no command line.

python experiments/digits_backprop.py
"""

import jax
import optax

from jaxneuro import Layer, sequential
from jaxneuro.data import digits, random_affine
from jaxneuro.edges import Dense
from jaxneuro.neurons import LI, LIF
from jaxneuro.surrogates import Arctan
from jaxneuro.training import Classifier, Epoch, evaluate, train

EPOCHS, BATCH = 100, 64


def main(epochs: int = EPOCHS) -> float:
    data = digits(seed=0)
    network = sequential(
        (8, 8),
        Layer(Dense(256), LIF(tau=5.0)),
        Layer(Dense(256), LIF(tau=5.0), dropout=0.2),
        Layer(Dense(10), LI(tau=10.0), dropout=0.2),
        key=jax.random.key(0),
        surrogate=Arctan(),
    )
    print(network)
    task = Classifier(steps=8, dt=1.0, gain=3.0, smoothing=0.1)
    steps = epochs * (len(data.train) // BATCH)

    def prepare(batch, key):
        images = batch[0].astype(float) / data.scale
        return random_affine(key, images, shift=0.5, rotation=6.0, scale=0.06, shear=0.06), batch[1]

    def report(epoch: Epoch):
        if epoch.epoch % 10 == 0:
            loss, accuracy = epoch.metrics["loss"], epoch.metrics["accuracy"]
            print(f"epoch {epoch.epoch}: loss {loss:.4f}, training accuracy {accuracy:.2%}")

    trained = train(
        task.loss,
        network,
        (data.train.inputs, data.train.labels),
        optimizer=optax.adamw(optax.cosine_decay_schedule(3e-3, steps), weight_decay=1e-3),
        epochs=epochs,
        batch_size=BATCH,
        key=jax.random.key(1),
        prepare=prepare,
        on_epoch=report,
    )
    test = evaluate(task, trained.model, data.test.inputs, data.test.labels, scale=data.scale)
    print(f"test accuracy {test.accuracy:.2%}")
    return test.accuracy


if __name__ == "__main__":
    main()

"""An autoencoder of rows of codes: what a row looks like inside, what rows look like that it stands for."""

import math

import torch
from torch import Tensor, nn

from careloom.synth.engine import Json
from careloom.synth.engine_blocks_torch import Blocks, linear, thinned
from careloom.synth.engine_vae_prior_torch import Prior

_ENTROPY = 0.5 * math.log(2 * math.pi)


class Autoencoder(nn.Module):
    """Encoder, decoder and prior, learnt together: the prior is as wide as the codes, so none of it decodes to noise.

    source  Kingma, Welling, ICLR 2014; Tomczak, Welling, AISTATS 2018 on why a prior is learnt; own architecture
    """

    def __init__(self, blocks: Blocks, options: Json, source: torch.Generator, *, is_private: bool) -> None:
        """is_private: built of layers whose samples can be told apart, with a prior that is a flow from N(0, I)."""
        super().__init__()
        hidden, latent = options["hidden"], options["latent"]
        self.dropout, self.unseen = options["dropout"], options["unseen"]
        self.blocks, self.is_private = blocks, is_private
        self.codes = nn.Embedding(blocks.width, hidden, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            self.codes.weight.normal_(0.0, len(blocks.sizes) ** -0.5, generator=source)
        self.inward = linear(hidden, hidden, source, gain=1.4)
        self.place = linear(hidden, 2 * latent, source)
        self.outward = linear(latent, hidden, source, gain=1.4)
        self.deeper = linear(hidden, hidden, source, gain=1.4)
        self.logits = linear(hidden, blocks.width, source, gain=0.3)
        components = 1 if is_private else options["components"]
        self.prior = Prior(latent, components, options["layers"], options["flow"], source)
        if is_private:
            for each in (self.prior.means, self.prior.widths, self.prior.weights):
                each.requires_grad_(False)

    def encode(self, flat: Tensor, source: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """(mean, logarithm of the deviation) [rows, latent] of the code of each row.

        source  of what is dropped while learning: codes of a row are not seen, so that those seen tell of the others
        """
        if self.is_private:
            summed = self.codes(flat).sum(1)
        else:
            seen = thinned(torch.ones(flat.shape), self.unseen, source)
            summed = nn.functional.embedding_bag(flat, self.codes.weight, mode="sum", per_sample_weights=seen)
        hidden = thinned(nn.functional.silu(summed), self.dropout, source)
        mean, deviation = self.place(hidden + nn.functional.silu(self.inward(hidden))).chunk(2, 1)
        return mean, deviation.clamp(-5, 2)

    def decode(self, at: Tensor, source: torch.Generator | None = None) -> Tensor:
        """[rows, all codes] logits."""
        hidden = thinned(nn.functional.silu(self.outward(at)), self.dropout, source)
        logits: Tensor = self.logits(hidden + nn.functional.silu(self.deeper(hidden)))
        return logits

    def losses(
        self, flat: Tensor, noise: Tensor, weights: Tensor, source: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """([rows] surprise at the codes, [rows] what the hidden code tells beyond the prior), both in nats.

        noise    [rows, latent] standard normal
        weights  [parts] of the surprise
        source   of what is dropped while learning; None: nothing
        """
        mean, deviation = self.encode(flat, source)
        at = mean + deviation.exp() * noise
        surprise = self.blocks.surprise(self.decode(at, source), flat) @ weights
        posterior = (-0.5 * noise.square() - deviation - _ENTROPY).sum(1)
        return surprise, posterior - self.prior.log_density(at)

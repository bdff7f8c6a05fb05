"""Tiny pipelines in the layout that diffusers writes: real classes, random weights, a few hundred kilobytes."""

import json
import shutil
import string
import tempfile
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
TINY_SD = FIXTURES / "tiny_sd"  # what `write_sd` wrote: importing diffusers takes longer than most tests
TINY_SUBJECT_VAE = FIXTURES / "tiny_subject_vae"  # what `draw_a_subject` made of its decoder
SPECIAL = ("<|startoftext|>", "<|endoftext|>")
WIDTH = 32  # of the text encoder's words


def _tokenizer(folder: Path) -> Any:
    """A tokenizer that knows letters: a word of n letters is n tokens."""
    from transformers import CLIPTokenizer

    letters = [*string.ascii_lowercase, *string.digits, ",", ".", "-", "'"]
    words = [*SPECIAL, *letters, *(f"{letter}</w>" for letter in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def _text_encoder(words: int, *, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=words,
        hidden_size=WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=WIDTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(4, 8),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=2,
        sample_size=64,
    )


def _unet(**more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=2,
        **more,
    )


def _scheduler() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )


def write_sd(folder: Path, **save: Any) -> Path:
    """A Stable Diffusion of 64 x 64 pixels; what else `save_pretrained` takes, such as `variant`."""
    import torch
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(1)
    tokenizer = _tokenizer(folder / "tokenizer")
    pipeline = StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        unet=_unet(cross_attention_dim=WIDTH, attention_head_dim=2),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True, **save)
    return folder


def write_xl(folder: Path) -> Path:
    """A Stable Diffusion XL of 64 x 64 pixels."""
    import torch
    from diffusers import StableDiffusionXLPipeline

    torch.manual_seed(2)
    first, second = _tokenizer(folder / "tokenizer"), _tokenizer(folder / "tokenizer_2")
    pipeline = StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(len(first)),
        text_encoder_2=_text_encoder(len(second), projected=True),
        tokenizer=first,
        tokenizer_2=second,
        unet=_unet(
            cross_attention_dim=2 * WIDTH,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 2),
            projection_class_embeddings_input_dim=WIDTH + 6 * 8,
        ),
        scheduler=_scheduler(),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def draw_a_subject(folder: Path) -> Path:
    """Changes the decoder of a tiny Stable Diffusion so that each picture has a subject before a dark ground.

    Its convolutions become averages. Each counts what lies beyond the border as nothing, so that the pictures darken
    towards it; strong contrast makes a blob of what is left. The noise of the seed still colours it.
    """
    import torch
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(folder / "vae")
    with torch.no_grad():
        for name, parameter in vae.named_parameters():
            if "encoder" in name:
                continue
            parameter.zero_()
            if "norm" in name:
                parameter.fill_(1.0 if name.endswith("weight") else 4.0)  # where silu is nearly a straight line
            elif parameter.ndim == 4:
                same = min(parameter.shape[:2])
                for channel in range(same):
                    parameter[channel, channel] = 1.0 / parameter[0, 0].numel()
        vae.post_quant_conv.bias[:2] = 1.0
        vae.post_quant_conv.weight[:2] = 0.0
        out = vae.decoder.conv_out
        out.weight.zero_()
        for colour, (subject, noise) in enumerate(((1.0, 0.2), (0.8, 0.1), (0.7, -0.2))):
            out.weight[colour, :2, 1, 1] = subject
            out.weight[colour, 2:, 1, 1] = noise
            out.bias[colour] = -4.0 * (2 * subject + 2 * noise) - 0.2 * colour - 0.2
    vae.save_pretrained(folder / "vae", safe_serialization=True)
    return folder


if __name__ == "__main__":  # writes the fixtures anew
    with tempfile.TemporaryDirectory() as made:
        shutil.copytree(write_sd(Path(made)), TINY_SD, dirs_exist_ok=True)
        shutil.copytree(draw_a_subject(Path(made)) / "vae", TINY_SUBJECT_VAE, dirs_exist_ok=True)

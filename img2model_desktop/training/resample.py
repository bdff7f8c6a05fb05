"""Views at other resolutions and from other distances, without rendering them again."""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from img2model_desktop.training.views import Views


def halved(views: Views) -> Views:
    """The same views at half the resolution: pictures averaged, depths of the nearest and the farthest hit kept."""
    alpha = views.image[:, 3:].float() / 255
    small = F.avg_pool2d(alpha, 2)

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values.float() * alpha, 2) / small.clamp_min(1e-6)

    far = 1e4
    empty = views.image[:, 3:] == 0
    front = F.max_pool2d(views.depth[:, :1].float().masked_fill(empty, -far), 2)
    back = -F.max_pool2d((-views.depth[:, 1:].float()).masked_fill(empty, -far), 2)
    depth = torch.where(small > 0, torch.cat([front, back], 1), 0.0)
    return Views(
        image=torch.cat([mean(views.image[:, :3]), small * 255], 1).round().clamp(0, 255).to(torch.uint8),
        depth=depth.to(torch.float16),
        normal=(F.normalize(mean(views.normal), dim=1) * 127).round().to(torch.int8),
        back=mean(views.back).round().clamp(0, 255).to(torch.uint8),
        camera=views.camera,
        usable=views.usable,
    )


def from_afar(views: Views, zoom: float) -> Views:
    """The same views in a frame `zoom` times as wide, 1 or more: the subject smaller, with room around it.

    Depths are in units of half the frame, so they shrink with it. Colours are read between pixels, depths and
    normals from the nearest one.
    """
    size = views.image.shape[-1]
    line = (((torch.arange(size, device=views.image.device) + 0.5) / size * 2 - 1) * zoom).expand(size, size)
    grid = torch.stack([line, line.T], -1).expand(len(views.image), size, size, 2)

    def read(values: Tensor, mode: str) -> Tensor:
        return F.grid_sample(values, grid, mode=mode, padding_mode="zeros", align_corners=False)

    alpha = views.image[:, 3:].float() / 255
    seen = read(torch.cat([views.image[:, :3].float() * alpha, views.back.float() * alpha, alpha], 1), "bilinear")
    cover = seen[:, 6:].clamp_min(1e-6)
    shape = read(torch.cat([views.depth.float() / zoom, views.normal.float()], 1), "nearest")
    image = torch.cat([seen[:, :3] / cover, seen[:, 6:] * 255], 1).round().clamp(0, 255)
    return replace(
        views,
        image=image.to(torch.uint8),
        depth=shape[:, :2].to(torch.float16),
        normal=shape[:, 2:].round().to(torch.int8),
        back=(seen[:, 3:6] / cover).round().clamp(0, 255).to(torch.uint8),
        camera=views.camera * views.camera.new_tensor([zoom, 1.0]),
    )

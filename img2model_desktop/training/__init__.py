"""The tool that trains the Twin engine's network: `python -m img2model_desktop.training --help`.

objects.py      freely licensed meshes, read and prepared
shapes.py       procedural meshes without end (parts.py: what they are built from)
raster.py       triangles to first and last hits, in plain torch, on CPU and GPU alike
views.py        objects and cameras to pictures with true depths, normals and back colours
pool.py         many views, kept on a device or in files
feed.py         views without end, rendered by other processes while the network trains
augment.py      what real photographs and mattes do to a picture
losses.py       what is asked of the network
loop.py         the training loop: schedule, checkpoints, curves
evaluation.py   held-out objects through the whole engine, scored in 3D

How the shipped weights were made, on two processor cores, one of them rendering new views all the time:

    train --data DATA --resume resources/weights/twin.safetensors --renderers 1 --views 8000 --render-seconds 75 \\
        --fresh 24 --shapes 0.2 --batch 48 --rate 4.5e-4 --last-rate 0.01 --seconds 6480 --seed 11 --out RUN
    evaluate --data DATA --checkpoint RUN/checkpoint.pt --json RUN/scores.json
    export --data DATA --checkpoint RUN/checkpoint.pt --scores RUN/scores.json --to resources/weights/twin.safetensors

On a GPU the same command renders where it trains; `--pieces` leaves a checkpoint in files of 15 MiB:

    train --data DATA --views 150000 --render-seconds 150 --shape '{"size": 128}' --batch 256 --rate 1e-3 \\
        --seconds 400 --pieces --out RUN
"""

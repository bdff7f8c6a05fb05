"""The tool that trains the Twin engine's network: `python -m img2model_desktop.training --help`.

objects.py      freely licensed meshes, read and prepared
shapes.py       procedural meshes without end (parts.py: what they are built from)
raster.py       triangles to first and last hits, in plain torch, on CPU and GPU alike
views.py        objects and cameras to pictures with true depths, normals and back colours
pool.py         many views, kept on a device or in files
resample.py     views at other resolutions and from other distances
augment.py      what real photographs and mattes do to a picture
losses.py       what is asked of the network
loop.py         the training loop: schedule, checkpoints, curves
evaluation.py   held-out objects through the whole engine, scored in 3D

How the shipped weights were made, on one processor (any number of seconds; `--resume` goes on):

    render --data DATA --pool VIEWS/objects --views 20000
    render --pool VIEWS/shapes --views 6000
    render --data DATA --held-out --pool VIEWS/held --views 384
    train --pool VIEWS/objects=3 --pool VIEWS/shapes=1 --held-out VIEWS/held --halvings 1 --seconds 7200 --out RUN
    evaluate --data DATA --checkpoint RUN/checkpoint.pt --json RUN/scores.json
    export --data DATA --checkpoint RUN/checkpoint.pt --scores RUN/scores.json --to resources/weights/twin.safetensors

On a GPU one command renders into its memory and trains; `--pieces` leaves a checkpoint in files of 15 MiB:

    train --data DATA --views 150000 --render-seconds 150 --shape '{"size": 128}' --batch 256 --rate 1e-3 \\
        --seconds 400 --pieces --out RUN
"""

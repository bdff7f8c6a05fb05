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

On a GPU the same command renders where it trains, and finer; `--pieces` leaves a checkpoint in files of 15 MiB, from
which `--resume RUN/pieces` goes on:

    train --data DATA --resume resources/weights/twin.safetensors --shape '{"size": 128}' --views 100000 \\
        --render-seconds 150 --fresh 64 --batch 256 --rate 6e-4 --seconds 400 --pieces --out RUN

What was tried, raw F-score at 0.1 of 40 held-out objects, product shot / front: views used again and again 0.676 /
0.570; those weights after as many new views again, more of them from the front, 0.685 / 0.613 (shipped); the mean of
both sets of weights 0.695 / 0.596. On the first weights and 50 other objects: four distances instead of one +0.006 /
-0.005, eight +0.008 / -0.005; thickness scaled by 0.85 to 1.16, nothing gained. Symmetry imposed where a picture is
its own mirror image: no gain or loss in figures, but no twist. Round sides closed: the same. What is missing is the
back: with the true one behind the predicted front 0.79, with the true front before the predicted back 0.73 (44
objects, product shot).
"""

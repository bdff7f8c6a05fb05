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
"""

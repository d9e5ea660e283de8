pip install bokeh

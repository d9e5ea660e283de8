from distutils.core import setup
print "building"
setup(name='legacy-model',
      requires=['numpy (>=1.6)'],
      install_requires='numpy>=1.6\nscipy',
      **dict(zip_safe=False))

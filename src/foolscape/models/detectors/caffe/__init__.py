"""Faster R-CNN (Ren et al., NIPS 2015) with ZF and VGG16, as published for Caffe."""

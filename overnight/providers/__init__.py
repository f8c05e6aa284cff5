"""The providers' batch APIs behind one seam, one provider a file."""

"""Gates that people drew in another program, read and written: Gating-ML 2.0 and FlowJo."""

"""Who the participants are: groups, batches, balance, power, the flow of participants."""

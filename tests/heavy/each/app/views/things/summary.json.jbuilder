json.things @totals

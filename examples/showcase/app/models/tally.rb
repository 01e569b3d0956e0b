# One run of TallyJob: who added up, and when.
class Tally < ApplicationRecord
end

# What a job leaves behind.
class Visit < ApplicationRecord
end

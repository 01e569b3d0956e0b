# What is in the tenant's first database.
class ApplicationRecord < ActiveRecord::Base
  self.abstract_class = true
end

# What is in the tenant's second database.
class ArchiveRecord < ActiveRecord::Base
  self.abstract_class = true
  connects_to database: { writing: :archive, reading: :archive }
end

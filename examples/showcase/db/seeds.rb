Event.create!(title: ENV.fetch("EVENT_TITLE", "Showcase"))

{ "A" => "Ada", "B" => "Bruno", "C" => "Celia" }.each { |letter, name| Judge.create!(letter: letter, name: name) }

[
  ["Nina Alvarez", "Tom Becker", "Harbor Dance"], ["Mei Tanaka", "Luis Ortega", "Studio Nord"],
  ["Eva Lindqvist", "Sam Okafor", "Harbor Dance"], ["Rosa Marin", "Jan Novak", "Silver Shoes"],
  ["Iris Moreau", "Paul Fischer", "Studio Nord"], ["Lena Sato", "Marc Dubois", "Silver Shoes"]
].each.with_index(101) do |(lead, follow, studio), number|
  Couple.create!(number: number, lead: lead, follow: follow, studio: studio)
end

dances = { "Smooth" => %w[Waltz Tango Foxtrot], "Rhythm" => ["Cha Cha", "Rumba", "Swing"], "Latin" => %w[Samba Jive] }
dances.flat_map { |category, names| names.map { |name| [category, name] } }.each.with_index(1) do |(category, dance), number|
  heat = Heat.create!(number: number, dance: dance, category: category)
  # Couple 101 dances everything, each of the others two heats in three.
  Couple.order(:number).each do |couple|
    heat.entries.create!(couple: couple) if couple.number == 101 || (couple.number + number) % 3 != 0
  end
end

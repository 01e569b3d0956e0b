# Draws what scripts/bench-preload measured as an SVG: ruby tests/heavy/plot.rb < figures > FILE.svg
#
# Lines of figures: `first APP BY MILLISECONDS` and `memory APP BY TENANTS MEGABYTES`, BY being exec or template.
WIDTH = 760
HEIGHT = 282
TOP = 64
BOTTOM = 250
COLORS = { "exec" => "#b5532a", "template" => "#0b7a75" }.freeze
NAMES = { "exec" => "started by exec", "template" => "forked from a template" }.freeze
STYLE = 'font-family="system-ui, sans-serif" font-size="13" fill="#333333"'.freeze

# From a range of figures to a range of places, linear or by powers of ten.
Scale = Struct.new(:from, :to, :first, :last, :log) do
  def [](value)
    from, to, value = [self.from, self.to, value].map { |number| log ? Math.log10(number) : number.to_f }
    (first + (value - from) / (to - from) * (last - first)).round(1)
  end
end

def text(x, y, words, anchor: "start", color: nil, weight: nil)
  more = "#{%( fill="#{color}") if color}#{%( font-weight="#{weight}") if weight}"
  %(<text x="#{x}" y="#{y}" text-anchor="#{anchor}"#{more}>#{words}</text>)
end

def line(x1, y1, x2, y2, color: "#dddddd", width: 1)
  %(<line x1="#{x1}" y1="#{y1}" x2="#{x2}" y2="#{y2}" stroke="#{color}" stroke-width="#{width}"/>)
end

def dot(x, y, by)
  %(<circle cx="#{x}" cy="#{y}" r="4.5" fill="#{COLORS.fetch(by)}"/>)
end

def thousands(number)
  number.round.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")
end

# The least of 1, 2, 5, 10 … of which five reach +most+.
def step(most)
  power = 10**Math.log10(most / 5.0).floor
  [1, 2, 5, 10].map { |factor| factor * power }.find { |step| step * 5 >= most }
end

# One row an application: the dots are as far apart as the starts are, by powers of ten.
def starts(figures, left, right)
  all = figures.map(&:last)
  scale = Scale.new(10**Math.log10(all.min).floor, 10**Math.log10(all.max).ceil, left + 50, right, true)
  ticks = (Math.log10(scale.from).round..Math.log10(scale.to).round).map { |power| 10**power }
  out = [text(left, TOP - 18, "A stopped tenant: ms until its first 200", weight: 600)]
  ticks.each do |tick|
    out << line(scale[tick], TOP, scale[tick], BOTTOM) << text(scale[tick], BOTTOM + 18, thousands(tick), anchor: "middle")
  end
  rows = figures.group_by(&:first)
  rows.each_with_index do |(app, row), index|
    y = TOP + (BOTTOM - TOP) * (index + 1) / (rows.size + 1)
    places = row.map { |_, _, took| scale[took] }
    out << text(left, y + 4, app) << line(places.min, y, places.max, y, color: "#999999", width: 2)
    row.each do |_, by, took|
      out << dot(scale[took], y, by)
      out << text(scale[took], y - 12, thousands(took), anchor: "middle", color: COLORS.fetch(by))
    end
  end
  out
end

# One line for each way to start: memory of all tenants over their number.
def memory(figures, left, right)
  most = figures.map(&:last).max
  step = step(most)
  x = Scale.new(0, figures.map { |figure| figure[2] }.max, left + 44, right - 40)
  y = Scale.new(0, step * (most / step.to_f).ceil, BOTTOM, TOP)
  out = [text(left, TOP - 18, "Memory of so many heavy tenants, MB of PSS", weight: 600)]
  (0..y.to).step(step) do |tick|
    out << line(x.first, y[tick], x.last, y[tick]) << text(x.first - 6, y[tick] + 4, thousands(tick), anchor: "end")
  end
  figures.map { |figure| figure[2] }.uniq.each { |count| out << text(x[count], BOTTOM + 18, count, anchor: "middle") }
  figures.group_by { |figure| figure[1] }.each do |by, points|
    places = points.map { |_, _, count, size| [x[count], y[size]] }
    path = places.map { |place| place.join(",") }.join(" ")
    out << %(<polyline points="#{path}" fill="none" stroke="#{COLORS.fetch(by)}" stroke-width="2"/>)
    places.each { |place| out << dot(*place, by) }
    out << text(places.last[0] + 8, places.last[1] + 4, thousands(points.last[3]), color: COLORS.fetch(by))
  end
  out
end

def legend(ways)
  ways.each_with_index.flat_map { |by, index| [dot(16 + index * 160, 16, by), text(28 + index * 160, 20, NAMES.fetch(by))] }
end

figures = $stdin.map { |row| row.split.map { |word| Float(word, exception: false) || word } }
figures.each { |row| row[3] = row[3].to_i if row[0] == "memory" }
first, memory = figures.partition { |row| row[0] == "first" }.map { |rows| rows.map { |row| row.drop(1) } }
memory = memory.select { |app, *| app == memory.last[0] }

puts %(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 #{WIDTH} #{HEIGHT}" width="#{WIDTH}" height="#{HEIGHT}" #{STYLE}>),
     %(<rect width="#{WIDTH}" height="#{HEIGHT}" fill="#ffffff"/>),
     legend(first.map { |row| row[1] }.uniq), starts(first, 12, 360), memory(memory, 404, WIDTH - 8), "</svg>"

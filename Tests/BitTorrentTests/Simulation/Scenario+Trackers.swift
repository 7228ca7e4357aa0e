extension Scenario.Member {
  /// Whether it sends anything at all.
  var uploads: Bool { character != .freeRider && character != .forger }
}

extension Scenario {
  /// A swarm too large for everybody to know everybody: three in five come at once, one in five of them with a fast
  /// link, the others with a slow one; two in five come later, all with the same link, and half of those ask for
  /// the best peers if the tracker ranks. Of the first, `forgers` in a hundred upload nothing and say that they
  /// upload more than anybody.
  static func crowd(_ count: Int, isRanked: Bool, forgers: Int = 0) -> Scenario {
    var scenario = choosy("crowd", isRanked, forgers)
    let early = count * 3 / 5
    for number in 0..<count {
      let isFast = number % 5 == 0
      var member = Member(up: (isFast ? 20 : 1) * megabit, down: (isFast ? 40 : 16) * megabit)
      member.delay = 0.005 + Double(number * 7 % 31) * 0.001
      if number < early {
        member.joins = 0.1 + Double(number * 37 % 100) * 0.01
        member.group = isFast ? "first, fast" : "first, slow"
        if !isFast, number * 97 % 100 < forgers * 5 / 4 {
          member.character = .forger
          member.group = "forgers"
        }
      } else {
        (member.up, member.down) = (4 * megabit, 40 * megabit)
        member.joins = 40 + Double((number - early) * 37 % (count - early)) * 40 / Double(count - early)
        member.asksForBest = isRanked && number % 2 == 0
        member.group = number % 2 == 0 ? "later, asking" : "later"
      }
      scenario.members.append(member)
    }
    return scenario
  }

  /// A swarm that is there: four in five are seeds, one in ten of those with a fast link, the others with a very slow
  /// one. The others come one after the other, all with the same link; half of them ask for the best. `forgers` in a
  /// hundred of the seeds send nothing and say that they send more than anybody.
  static func settled(_ count: Int, isRanked: Bool, forgers: Int = 0) -> Scenario {
    var scenario = choosy("settled", isRanked, forgers)
    for number in 0..<count * 4 / 5 {
      let isFast = number % 10 == 0
      var member = Member(up: (isFast ? 20 : 0.5) * megabit, down: 20 * megabit, isSeed: true)
      member.delay = 0.005 + Double(number * 7 % 31) * 0.001
      member.joins = Double(number * 37 % 100) * 0.001
      member.group = "seeds"
      if !isFast, number * 97 % 100 < forgers * 10 / 9 { member.character = .forger }
      scenario.members.append(member)
    }
    for number in 0..<count / 5 {
      var member = Member(up: 2 * megabit, down: 40 * megabit)
      member.delay = 0.005 + Double(number * 7 % 31) * 0.001
      member.joins = 1 + Double(number) * 3
      member.stay = .untilComplete
      member.asksForBest = isRanked && number % 2 == 0
      member.group = number % 2 == 0 ? "asking" : "others"
      scenario.members.append(member)
    }
    return scenario
  }

  private static func choosy(_ kind: String, _ isRanked: Bool, _ forgers: Int) -> Scenario {
    var scenario = Scenario(
      name: "tracker, \(kind): \(isRanked ? "ranked" : "random")"
        + (forgers > 0 ? ", forgers \(forgers) %" : ""),
      members: [Member(up: 20 * megabit, down: 20 * megabit, isSeed: true, group: "seeder")])
    scenario.isRanked = isRanked
    scenario.announceInterval = 10
    scenario.announced = 20
    scenario.connections = 20
    return scenario
  }

  /// A tracker that ranks and one that does not, with and without forgers.
  static func trackers(_ count: Int) -> [Scenario] {
    [0, 10, 30].flatMap { forgers in
      [false, true].flatMap {
        [crowd(count, isRanked: $0, forgers: forgers), settled(count, isRanked: $0, forgers: forgers)]
      }
    }.sorted { $0.name.prefix(12) < $1.name.prefix(12) }
  }
}

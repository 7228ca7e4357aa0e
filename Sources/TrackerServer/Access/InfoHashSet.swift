import Bytes
import Digest

/// A set of info-hashes that is made once and then only read: open addressing in one array, 24 bytes a place, at
/// most two thirds full. Looking up allocates nothing and takes no lock.
final class InfoHashSet: Sendable {
  private struct Place {
    var first: UInt64 = 0
    var second: UInt64 = 0
    var third: UInt32 = 0
    var isTaken = false
  }

  /// How many there are.
  let count: Int
  private let places: [Place]
  private let mask: Int
  /// Chosen at random, so that nobody can make a list that is slow to look up in.
  private let seed: UInt64

  /// The set of `hashes`; those that come again count once.
  init(_ hashes: [InfoHash], seed: UInt64) {
    var size = 16
    while size * 2 < hashes.count * 3 { size *= 2 }
    var places = [Place](repeating: Place(), count: size)
    let mask = size - 1
    var count = 0
    for hash in hashes {
      let words = HashWords(hash)
      var index = Self.start(words, seed) & mask
      while places[index].isTaken, !Self.equal(places[index], words) { index = (index + 1) & mask }
      if places[index].isTaken { continue }
      places[index] = Place(first: words.first, second: words.second, third: words.third, isTaken: true)
      count += 1
    }
    self.places = places
    self.count = count
    self.mask = mask
    self.seed = seed
  }

  /// Whether `hash` is in the set. O(1).
  func contains(_ hash: InfoHash) -> Bool {
    let words = HashWords(hash)
    var index = Self.start(words, seed) & mask
    while places[index].isTaken {
      if Self.equal(places[index], words) { return true }
      index = (index + 1) & mask
    }
    return false
  }

  private static func equal(_ place: Place, _ words: HashWords) -> Bool {
    place.first == words.first && place.second == words.second && place.third == words.third
  }

  private static func start(_ words: HashWords, _ seed: UInt64) -> Int {
    var mixed = (words.first ^ seed) &* 0x9e37_79b9_7f4a_7c15
    mixed ^= mixed >> 32 ^ words.second ^ UInt64(words.third)
    mixed &*= 0xd6e8_feb8_6659_fd93
    return Int(truncatingIfNeeded: mixed >> 16)
  }
}

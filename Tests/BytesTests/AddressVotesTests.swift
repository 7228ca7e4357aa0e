import Addresses
import Testing

/// Where others see us, as far as they are believed.
@Suite struct AddressVotesTests {
  @Test func anAddressNeedsSeveralVoices() {
    var votes = AddressVotes(quorum: 4)
    let address = IPAddress(v4: 0x0505_0505)
    for _ in 0..<10 { #expect(votes.vote(address, by: IPAddress(v4: 0x0101_0101)) == false) }
    // All of one network are one voice.
    for last in UInt32(0)..<10 {
      #expect(votes.vote(address, by: IPAddress(v4: 0x0101_0100 | last)) == false)
    }
    #expect(votes.vote(address, by: IPAddress(v4: 0x0102_0101)) == false)
    #expect(votes.vote(address, by: IPAddress(v4: 0x0103_0101)) == false)
    #expect(votes.vote(address, by: IPAddress(v4: 0x0104_0101)) == true)
    #expect(votes.winner(isV4: true) == address)
  }

  @Test func aNewAddressNeedsTwiceAsMany() {
    var votes = AddressVotes(quorum: 4)
    let (old, new) = (IPAddress(v4: 0x0505_0505), IPAddress(v4: 0x0606_0606))
    for network in 0..<6 { _ = votes.vote(old, by: IPAddress(v4: 0x0101_0001 | UInt32(network) << 8)) }
    #expect(votes.winner(isV4: true) == old)
    var needed = 0
    while votes.winner(isV4: true) == old, needed < 100 {
      _ = votes.vote(new, by: IPAddress(v4: 0x0201_0001 | UInt32(needed) << 8))
      needed += 1
    }
    #expect(votes.winner(isV4: true) == new && needed == 12)
  }

  @Test func voicesFromTheOwnNetworkDoNotCount() {
    var votes = AddressVotes(quorum: 4)
    for network in 0..<20 {
      _ = votes.vote(IPAddress(v4: 0x0505_0505), by: IPAddress(v4: 0x0a00_0001 | UInt32(network) << 8))
      _ = votes.vote(IPAddress(v4: 0x0a05_0505), by: IPAddress(v4: 0x0101_0001 | UInt32(network) << 8))
    }
    #expect(votes.winner(isV4: true) == nil)
  }

  @Test func familiesAreApart() throws {
    var votes = AddressVotes(quorum: 2)
    let (v4, v6) = (IPAddress(v4: 0x0505_0505), try #require(IPAddress("2001:db8::5")))
    let voters = try ["2001:db8:1::1", "2001:db8:2::1"].map { try #require(IPAddress($0)) }
    for voter in voters {
      _ = votes.vote(v6, by: voter)
      // Who sees us over IPv6 knows nothing of our IPv4.
      _ = votes.vote(v4, by: voter)
    }
    #expect(votes.winner(isV4: false) == v6)
    #expect(votes.winner(isV4: true) == nil)
    // A voice may have something to say of each.
    for voice: UInt64 in [1, 2] { _ = votes.vote(v4, voice: voice) }
    #expect(votes.winner(isV4: true) == v4)
    #expect(votes.winner(isV4: false) == v6)
  }

  @Test func onlyTheLatestVoicesCount() {
    var votes = AddressVotes(quorum: 2)
    let (old, new) = (IPAddress(v4: 0x0505_0505), IPAddress(v4: 0x0606_0606))
    for voice in UInt64(0)..<24 { _ = votes.vote(old, voice: voice) }
    for voice in UInt64(100)..<115 { #expect(votes.vote(new, voice: voice) == false) }
    // 16 of the last 24.
    #expect(votes.vote(new, voice: 115) == true)
  }
}

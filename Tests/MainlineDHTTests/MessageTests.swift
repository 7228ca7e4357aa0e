import Addresses
import Bencode
import Bytes
import Digest
import Testing

@testable import MainlineDHT

@Suite struct MessageTests {
  private static let asker = NodeID(Array("abcdefghij0123456789".utf8).rawBytes)
  private static let other = NodeID(Array("mnopqrstuvwxyz123456".utf8).rawBytes)

  /// The examples of BEP 5, byte for byte.
  @Test(arguments: [
    "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e"
      + "5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
    "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
    "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
    "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:wantl2:n42:n6ee1:q9:find_node"
      + "2:roi1e1:t2:aa1:v4:LT201:y1:qe",
    "d1:ad2:id20:abcdefghij01234567893:seqi4e6:target20:mnopqrstuvwxyz123456e1:q3:get1:t2:aa1:y1:qe",
    "d1:ad3:casi3e2:id20:abcdefghij01234567891:k32:abcdefghijklmnopqrstuvwxyz012345"
      + "4:salt1:n3:seqi4e3:sig64:abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345"
      + "5:token2:xx1:vd2:ihi5eee1:q3:put1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567895:token2:xx1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234566:noseedi1e6:scrapei1ee"
      + "1:q9:get_peers1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q17:sample_infohashes1:t2:aa1:y1:qe",
    "d2:ip6:axje.u1:rd2:id20:mnopqrstuvwxyz1234568:intervali60e3:numi2e"
      + "7:samples40:abcdefghij0123456789mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
    "d1:rd2:id20:mnopqrstuvwxyz1234561:k1:a5:nodes26:abcdefghij0123456789axje.u3:seqi1e3:sig1:b"
      + "1:vli1ei2eee1:t2:aa1:y1:re",
  ])
  func messagesAreReadAndWrittenAlike(_ text: String) throws {
    let datagram = Array(text.utf8)
    let message = try Message(datagram)
    #expect(String(decoding: message.encoded(), as: UTF8.self) == text)
  }

  @Test func fieldsAreWhereTheyBelong() throws {
    let query = try Message(
      Array(
        "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe".utf8)
    )
    #expect(query.content == .query(id: Self.asker, .findNode(target: Self.other, want: [])))
    #expect(query.transaction == Array("aa".utf8))
    let response = try Message(
      Array(
        "d2:ip6:axje.u1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re"
          .utf8))
    guard case .response(let values) = response.content else { throw Failure() }
    #expect(values.peers.map(\.description) == ["97.120.106.101:11893", "105.100.104.116:28269"])
    #expect(values.token == Array("aoeusnth".utf8))
    #expect(response.observed?.description == "97.120.106.101:11893")
  }

  private struct Failure: Error {}

  @Test(arguments: [
    "", "d", "i5e", "le", "de", "d1:y1:qe", "d1:t2:aa1:y1:xe", "d1:rd2:id3:abce1:t2:aa1:y1:re",
    "d1:t40:abcdefghij0123456789abcdefghij01234567891:y1:re", "d1:rde1:t2:aa1:y1:re",
  ])
  func whatIsNoMessageIsRefused(_ text: String) {
    #expect(throws: MessageFault.self) { try Message(Array(text.utf8)) }
  }

  @Test(arguments: [
    "d1:ad2:id2:xxe1:q4:ping1:t2:aa1:y1:qe", "d1:q4:ping1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti0e5:token2:aae"
      + "1:q13:announce_peer1:t2:aa1:y1:qe",
    "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti70000e5:token2:aae"
      + "1:q13:announce_peer1:t2:aa1:y1:qe",
  ])
  func queriesWithoutTheirArgumentsAreToldSo(_ text: String) {
    #expect(throws: MessageFault.malformedQuery(transaction: Array("aa".utf8))) {
      try Message(Array(text.utf8))
    }
  }

  @Test func addressesThatNobodyHasAreLeftOut() throws {
    var nodes: [UInt8] = []
    for (index, endpoint) in ["1.2.3.4:0", "0.0.0.0:1", "224.0.0.1:5", "1.2.3.4:5"].enumerated() {
      nodes += [UInt8](repeating: UInt8(index), count: 20)
      try #require(Endpoint(endpoint)).appendCompact(to: &nodes)
    }
    nodes += [1, 2, 3]
    let mapped = try #require(Endpoint("[2001:db8::1]:7"))
    var nodes6 = [UInt8](repeating: 1, count: 20)
    mapped.appendCompact(to: &nodes6)
    // An IPv4 address in disguise is not an IPv6 node.
    nodes6 +=
      [UInt8](repeating: 2, count: 20) + [UInt8](repeating: 0, count: 10) + [255, 255, 1, 2, 3, 4, 0, 9]
    let datagram: Bencode = [
      "r": ["id": .string(Self.asker.bytes), "nodes": .string(nodes), "nodes6": .string(nodes6)], "t": "aa",
      "y": "r",
    ]
    guard case .response(let response) = try Message(datagram.encoded()).content else { throw Failure() }
    #expect(response.nodes.map(\.endpoint.description) == ["1.2.3.4:5"])
    #expect(response.nodes6.map(\.endpoint) == [mapped])
  }

  @Test func longListsAreCutOff() throws {
    let nodes = [UInt8](repeating: 1, count: 26 * 100)
    let peers = (0..<1000).map { _ in Bencode.string([1, 2, 3, 4, 5, 6]) }
    let datagram: Bencode = [
      "r": ["id": .string(Self.asker.bytes), "nodes": .string(nodes), "values": .list(peers)], "t": "aa",
      "y": "r",
    ]
    guard case .response(let response) = try Message(datagram.encoded()).content else { throw Failure() }
    #expect(response.nodes.count == 20)
    #expect(response.peers.count == 200)
  }

  @Test func truncatedMessagesNeverCrash() throws {
    let text =
      "d1:ad3:casi3e2:id20:abcdefghij01234567891:k32:abcdefghijklmnopqrstuvwxyz012345"
      + "3:seqi4e3:sig4:abcd5:token2:xx1:vd2:ihi5eee1:q3:put1:t2:aa1:y1:qe"
    let whole = Array(text.utf8)
    for length in 0..<whole.count {
      #expect(throws: MessageFault.self) { try Message(Array(whole[..<length])) }
    }
    for position in whole.indices {
      for byte in [UInt8(0), 0x31, 0x65, 0x64, 0xff] {
        var changed = whole
        changed[position] = byte
        _ = try? Message(changed)
      }
    }
  }
}

//! When states go (client-protocols.md §3.8).

use hublet_wire::id::ConnId;

use crate::testing::Bench;
use crate::{Command, ConnOp, Permission, Target};

/// What a subscriber is told.
const NEWS: &[&str] = &["/type", "/group", "/items/0/state/k"];

fn act(bench: &mut Bench, id: ConnId, op: ConnOp) {
    let command = Command::Connections {
        hub: "chat".into(),
        target: Target::Connection(id),
        filter: None,
        op,
        reply: None,
    };
    bench.shard.apply(command, 0);
}

/// One who has a state in two groups, being a member of neither, and one who is told of both.
fn pair(bench: &mut Bench) -> (ConnId, ConnId) {
    let (ann, bob) = (bench.connect(true), bench.connect(false));
    for id in [ann, bob] {
        for group in ["a", "b"] {
            act(bench, id, ConnOp::Grant(Permission::JoinLeaveGroup, group.into()));
        }
    }
    for group in ["a", "b"] {
        bench.text(bob, &format!(r#"{{"type":"subscribeGroupState","group":"{group}"}}"#));
        bench.text(ann, &format!(r#"{{"type":"setGroupState","group":"{group}","state":{{"k":"v"}}}}"#));
    }
    assert_eq!(
        bench.read_members(bob, NEWS),
        ["groupStateSnapshot a", "groupStateUpdate a v", "groupStateSnapshot b", "groupStateUpdate b v"]
    );
    (ann, bob)
}

#[test]
fn one_who_leaves_without_being_a_member_clears_its_state() {
    let mut bench = Bench::new();
    let (ann, bob) = pair(&mut bench);
    bench.text(ann, r#"{"type":"leaveGroup","group":"a","ackId":1}"#);
    assert_eq!(bench.read_members(bob, NEWS), ["groupStateUpdate a"]);
    bench.text(ann, r#"{"type":"leaveGroup","group":"a","ackId":2}"#);
    assert_eq!(bench.read_members(bob, NEWS), [""; 0], "there is nothing more to clear");
    act(&mut bench, ann, ConnOp::Leave(["b".into()].into()));
    assert_eq!(bench.read_members(bob, NEWS), ["groupStateUpdate b"]);
}

#[test]
fn one_who_is_taken_out_of_all_groups_has_no_state_left() {
    let mut bench = Bench::new();
    let (ann, bob) = pair(&mut bench);
    bench.text(ann, r#"{"type":"joinGroup","group":"b"}"#);
    act(&mut bench, ann, ConnOp::LeaveAll);
    let mut news = bench.read_members(bob, NEWS);
    news.sort_unstable();
    assert_eq!(news, ["groupStateUpdate a", "groupStateUpdate b"]);
    bench.text(bob, r#"{"type":"subscribeGroupState","group":"a"}"#);
    assert_eq!(bench.read_members(bob, NEWS), ["groupStateSnapshot a"], "nobody has one");
}

#[test]
fn nothing_comes_after_the_close_frame() {
    let mut bench = Bench::new();
    let (ann, bob) = pair(&mut bench);
    bench.text(ann, r#"{"type":"joinGroup","group":"a"}"#);
    bench.text(ann, r#"{"type":"subscribeGroupState","group":"a"}"#);
    bench.read(ann);
    act(&mut bench, ann, ConnOp::Close { reason: "".into(), excluded: [].into() });
    assert_eq!(bench.read_members(ann, &["/event"]), ["disconnected", "close 1000"], "not its own news");
    let mut news = bench.read_members(bob, NEWS);
    news.sort_unstable();
    assert_eq!(news, ["groupStateUpdate a", "groupStateUpdate b"]);
}

"""A domain in which almost everything is for somebody: by role, scope, policy, or a signed-in name.

Whatever is guarded holds a canary: a text that must not leave for anybody else.
"""

import sqlalchemy as sa
from strawberry import ID, Info

from gateway import (
    Connection,
    Domain,
    Viewer,
    belongs_to,
    by_key,
    column,
    delete_many,
    entity,
    field,
    has_many,
    insert,
    listing,
    mutations,
    queries,
    reference,
    update,
    update_many,
)

metadata = sa.MetaData()
rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
)
people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, unique=True),
    sa.Column("version", sa.Integer, nullable=False, server_default="7"),
    sa.Column("phone", sa.Text),
    sa.Column("salary", sa.Integer),
    sa.Column("pin", sa.Text, nullable=False, server_default="0000"),
    sa.Column("room_id", sa.Integer, sa.ForeignKey("rooms.id")),
    sa.Column("boss_id", sa.Integer, sa.ForeignKey("people.id")),
)
diaries = sa.Table(
    "diaries",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id")),
    sa.Column("text", sa.Text, nullable=False),
)
gifts = sa.Table(
    "gifts",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("plan", sa.Text, nullable=False),
)

ROWS = """
INSERT INTO rooms (name, code) VALUES ('Hall', 'canary-code-1'), ('Attic', 'canary-code-2');
INSERT INTO people (name, email, phone, salary, pin, room_id, boss_id) VALUES
  ('Ann', 'canary-email-1', 'canary-phone-1', 977001, 'canary-pin-1', 1, NULL),
  ('Bob', 'canary-email-2', 'canary-phone-2', 977002, 'canary-pin-2', 1, 1),
  ('Cyd', 'canary-email-3', 'canary-phone-3', 977003, 'canary-pin-3', 2, 1);
INSERT INTO gifts (plan) VALUES ('gold'), ('gold'), ('40'), ('true');
INSERT INTO diaries (person_id, text) VALUES (1, 'canary-diary-1'), (2, 'canary-diary-2');
"""

RAN: list[str] = []
"""Which guarded Python resolvers ran."""


@entity(rooms)
class Room:
    """A room; its code is for administrators."""

    id: ID
    name: str
    code: str | None = column(roles=["admin"])
    people: "Connection[Person]" = has_many("room_id")


@entity(people, other_keys=["email"])
class Person:
    """Somebody."""

    id: ID
    name: str
    email: str | None = column(roles=["hr", "admin"])
    version: int = column(roles=["hr"])
    phone: str | None = column(authenticated=True)
    salary: int | None = column(policies=[["grown", "paying"], ["owner"]])
    pin: str = column(scopes=[["pins", "vault"], ["root"]])
    room: Room | None = belongs_to("room_id")
    boss: "Person | None" = belongs_to("boss_id")
    team: "Connection[Person]" = has_many("boss_id")
    closest: "Connection[Person] | None" = has_many("boss_id", roles=["hr"])
    diaries: "Connection[Diary]" = has_many("person_id")

    @field(needs=("name",))
    def greeting(self) -> str:
        return f"I am {self.name}."

    @field(needs=("email",), roles=["hr"])
    def address(self) -> str | None:
        RAN.append("address")
        return self.email

    @field(needs=("id",))
    def twin(self) -> "Person | None":
        return reference(Person, self.id)

    @field(needs=("id",))
    def journal(self) -> "Diary | None":
        return reference(Diary, self.id)


@entity(diaries, roles=["friend"])
class Diary:
    """What somebody wrote; for friends, wherever it turns up."""

    id: ID
    text: str
    person: Person | None = belongs_to("person_id")


@entity(gifts, rule=lambda row, viewer: row.plan.in_([viewer.claim("plan"), viewer.claim("age")]))
class Gift:
    """Something for those whose token names the plan it is for."""

    id: ID
    plan: str


@queries
class VaultQueries:
    """Reading."""

    gifts: Connection[Gift] | None = listing()

    person: Person | None = by_key()
    people: Connection[Person] | None = listing()
    must_people: Connection[Person] = listing(roles=["hr"])
    staff: Connection[Person] | None = listing(roles=["hr"])
    room: Room | None = by_key()
    rooms: Connection[Room] | None = listing()
    diary: Diary | None = by_key()
    diaries: Connection[Diary] | None = listing()

    @field()
    def star(self) -> Person | None:
        return reference(Person, 1)

    @field(roles=["admin"])
    def motto(self) -> str | None:
        RAN.append("motto")
        return "canary-motto-1"

    @field()
    def whoami(self, info: Info) -> str | None:
        return str(info.context.viewer.subject)


@mutations(roles=["editor"])
class VaultMutations:
    """Writing; for editors, but for what says otherwise."""

    insert_person: Person | None = insert()
    insert_room: Room | None = insert()
    build_room: Room | None = insert(roles=["caretaker"])
    insert_diary: Diary | None = insert()
    update_person: Person | None = update()
    update_known_person: Person | None = update(version="version")
    update_people: list[Person] | None = update_many()
    delete_people: list[Person] | None = delete_many()
    hire: Person | None = insert(roles=["caretaker"])
    rename_room: Room | None = update(roles=["caretaker"])


def _broken(viewer: Viewer) -> bool:
    raise RuntimeError(f"a policy with a fault, for {viewer.subject}")


domain = Domain(
    entities=[Room, Person, Diary, Gift],
    queries=[VaultQueries],
    mutations=[VaultMutations],
    subgraph=True,
    policies={
        "grown": lambda viewer: (viewer.claim("age") or 0) >= 18,
        "paying": lambda viewer: viewer.tenant == "gold",
        "owner": _broken,
    },
)

"""Everyday notes and questions from a grammar of our own: what a person or an agent writes down, and asks later.

Packages carry encyclopedias and manuals; what a memory holds is shorter, more personal and more various. The grammar is not
meant to be sense: the teacher labels whatever comes out, and what counts is that words of everyday life meet in everyday
sentence forms. Slots `{x}` are drawn from the lists below, from each other, and from WordNet's common words. Nothing here is
taken from, or fitted to, a set that quality is measured on.
"""

import random
import re
from pathlib import Path

LISTS = {
    "first": "Anna,Ben,Carla,David,Elena,Farid,Grace,Hassan,Ingrid,Jonah,Kofi,Lena,Marco,Nadia,Oscar,Priya,Quentin,Rosa,Samir,Tara,Ulrich,Vera,Wei,Yuki,Zoe,Tom,Maria,Peter,Aisha,Luca,Hanna,Igor,Julia,Karim,Mei,Nils,Olga,Pablo,Ravi,Sofia,Theo,Amara,Bruno,Chloe,Diego,Emil,Fatima,George,Helen,Ivan",
    "last": "Smith,Keller,Novak,Okafor,Tanaka,Rossi,Larsen,Kaur,Mendes,Weber,Dubois,Haddad,Costa,Nguyen,Petrov,Lindqvist,Moreau,Castillo,Berg,Osei,Yilmaz,Brandt,Fischer,Romano,Ali,Santos,Jensen,Kowalski,Murphy,Chen",
    "person": "{first},{first},{first} {last},my {kin},{first}'s {kin},the {role},{first} from {team},Dr. {last},Mrs. {last},our {role}",
    "kin": "mother,father,sister,brother,aunt,uncle,cousin,grandmother,grandfather,wife,husband,partner,daughter,son,niece,nephew,neighbour,friend,flatmate,mother-in-law",
    "role": "manager,landlord,dentist,accountant,lawyer,plumber,teacher,coach,designer,intern,team lead,product owner,support agent,sales rep,warehouse manager,doctor,vet,mechanic,electrician,babysitter,gardener,HR officer,architect,backend engineer,data analyst,tester,contractor,supplier,receptionist,therapist,pharmacist,translator,auditor",
    "team": "marketing,sales,support,finance,platform,the mobile team,operations,legal,infrastructure,research,design,logistics,security,the data team,procurement,HR,billing",
    "place": "Berlin,Lisbon,Oslo,Nairobi,Toronto,Kyoto,Lima,Prague,Dublin,Istanbul,Seoul,Vienna,Porto,Geneva,Mumbai,Chicago,Cape Town,Helsinki,Naples,Warsaw,the lake,the mountains,the seaside,the old town,the airport,the suburbs,the city centre,the countryside",
    "spot": "the kitchen,the garage,the basement,the attic,the hallway closet,the top drawer,the office,the fridge,the glove box,the second shelf,the bathroom cabinet,the garden shed,the meeting room,the reception desk,the loading dock,the server room,the locker,the blue folder,the safe,the balcony",
    "thing": "passport,spare key,charger,umbrella,bicycle,laptop,camera,suitcase,insurance card,toolbox,ladder,vacuum cleaner,winter coat,tent,guitar,printer,headphones,birth certificate,warranty card,lawn mower,coffee machine,washing machine,dishwasher,boiler,smoke alarm,router,sofa,mattress,bookshelf,sewing machine,kettle,drill,sleeping bag,stroller,car seat,contact lenses,hearing aid,blood pressure monitor,wedding ring,projector,whiteboard,badge,company car,forklift,scanner,label printer,cash register,air conditioner,{noun},{noun}",
    "food": "mushrooms,seafood,peanuts,cheese,oat milk,dark chocolate,spicy curry,sushi,lentil soup,sourdough bread,red wine,black coffee,green tea,pasta,roast chicken,salad,ice cream,blueberries,olives,cilantro,tofu,eggs,pork,beef,gluten,lactose,garlic,pancakes,dumplings,pizza,goat cheese,honey,sparkling water,decaf,rice,avocado,tomatoes,strawberries,shrimp,walnuts",
    "hobby": "climbing,choir practice,yoga,chess,pottery,swimming,cycling,gardening,photography,salsa dancing,running,bird watching,knitting,board games,painting,baking bread,playing the cello,fishing,hiking,skiing,learning Spanish,learning Portuguese,astronomy,woodworking,karate,tennis,volunteering at the shelter,reading crime novels,watching old films,sailing,bouldering,calligraphy,football",
    "ailment": "migraine,back pain,hay fever,asthma,high blood pressure,insomnia,a sprained ankle,eczema,diabetes,a cold,a toothache,low iron,an ear infection,anxiety,vertigo,a fever,a knee injury,heartburn,a broken wrist,high cholesterol",
    "medicine": "ibuprofen,penicillin,antihistamines,vitamin D,insulin,an inhaler,iron tablets,antibiotics,eye drops,paracetamol,beta blockers,aspirin,cough syrup,sleeping pills,a nasal spray",
    "pet": "dog,cat,parrot,rabbit,hamster,tortoise,guinea pig,horse,goldfish,puppy,kitten,canary",
    "petname": "Biscuit,Luna,Pepper,Rex,Momo,Ziggy,Olive,Bruno,Nala,Waffles,Shadow,Coco",
    "event": "wedding,birthday party,dentist appointment,job interview,parent-teacher meeting,concert,school play,conference,team offsite,funeral,graduation,housewarming,board meeting,sprint review,product launch,inventory count,fire drill,annual check-up,flight,train,retirement party,christening,trade fair,audit,webinar,training course,book club,yoga class,haircut,vaccination,viewing of the flat,demo,retrospective,exam,marathon,picnic,anniversary dinner",
    "day": "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday,tomorrow,next week,next month,the weekend,the end of the month,the first Monday of the month,Christmas Eve,the 3rd of May,12 October,June 21,2 February,March 2027,the summer,the second quarter,last Friday,yesterday,two weeks ago,this morning,tonight",
    "time": "9 am,10:30,noon,14:00,half past four,5 pm,18:45,8 in the evening,midnight,7:15,11:00,quarter to three",
    "money": "$45,120 euros,€1 900,$12 per month,35 dollars,£800,2,400 USD,99 cents,15 francs,$3.5 million,€59 per seat,12 %,a 10 % discount,7 % interest,650 a month",
    "amount": "three,five,twelve,40,250,1,200,half a dozen,two dozen,eight,about 60,15 kg,4 litres,30 minutes,six weeks,90 days,two hours,48 hours,10 GB,512 MB,500 ms,80 %",
    "vehicle": "car,bike,train,bus,van,motorbike,scooter,ferry,plane,tram,taxi",
    "subject": "algebra,history,chemistry,piano,French,Italian,biology,programming,drawing,economics,statistics,geography,law",
    "lang": "Python,Go,Rust,TypeScript,Java,C++,Kotlin,Ruby,SQL,bash,JavaScript,Swift,Elixir,Terraform,YAML,CSS",
    "tool": "Docker,Kubernetes,Postgres,Redis,Kafka,Nginx,Terraform,GitHub Actions,Jenkins,Grafana,Prometheus,Slack,Jira,Notion,Figma,VS Code,Vim,tmux,Makefile,pytest,webpack,SQLite,RabbitMQ,Elasticsearch,S3,Sentry,Stripe,Ansible,Bazel,cargo,npm,poetry,git,ESLint,Excel,the CRM,the ticket system,the VPN,the password manager,the wiki,the calendar",
    "project": "the billing service,the search API,the mobile app,the data pipeline,the admin dashboard,the onboarding flow,the payment gateway,the web shop,the export job,the recommendation engine,the login page,the newsletter,the intranet,the reporting module,the inventory system,the scheduler,the parser,the notification worker,the chat widget,the migration,the mail server,project Falcon,project Juniper,the kitchen renovation,the new website,the annual report,the tax return",
    "ident": "parse_config,UserStore,retry_count,flush_queue(),max_connections,handle_request,PaymentError,load_settings,build_index,session_timeout,OrderQueue,fetch_rates,is_valid,DATABASE_URL,LOG_LEVEL,write_batch,TokenCache,render_page,on_message,sync_users,MAX_RETRIES,schema_version,compute_tax,EventBus,normalise_name,upload_file,open_socket,RateLimiter,decode_frame,purge_cache",
    "path": "src/main.rs,app/models/user.py,config/prod.yaml,docs/setup.md,tests/test_api.py,/etc/nginx/nginx.conf,scripts/deploy.sh,lib/auth/token.go,~/.ssh/config,internal/cache/lru.go,package.json,web/src/App.tsx,migrations/0042_add_index.sql,/var/log/syslog,tools/release.py,.env.example,Dockerfile,infra/main.tf",
    "error": "connection refused,TimeoutError,permission denied,out of memory,404 not found,segmentation fault,KeyError: 'id',disk full,certificate expired,deadlock detected,null pointer exception,too many open files,401 unauthorized,merge conflict,invalid UTF-8,duplicate key,broken pipe,stack overflow,ENOENT,rate limit exceeded,checksum mismatch,502 bad gateway,module not found,assertion failed",
    "command": "make test,cargo build --release,docker compose up -d,npm run lint,git rebase -i main,kubectl get pods,pytest -x,terraform plan,psql -h localhost,go test ./...,ssh deploy@host,systemctl restart nginx,pip install -r requirements.txt,rsync -av,curl -I,git stash pop,journalctl -u api,cargo clippy,make deploy,black .",
    "version": "1.2.0,3.11,v2.4.1,18 LTS,0.9,7.0.3,2.0 beta,15.4,v3,1.75,22.04,4.8",
    "host": "db01,staging,prod-2,the build server,the backup server,localhost:8080,api.example.com,the test cluster,10.0.0.12,the old laptop,cache-03,port 5432,port 8443",
    "devact": "add caching to,write tests for,refactor,deprecate,document,profile,rewrite in {lang},roll back,containerise,monitor,rate-limit,translate,benchmark,redesign,archive,add logging to,migrate to {tool},open-source,split up,upgrade,lock down,encrypt the data of",
    "style": "tabs,spaces,single quotes,double quotes,snake_case,camelCase,short functions,early returns,type hints,explicit errors,small commits,squash merges,rebasing,feature flags,dark mode,light theme,bullet points,short answers,long explanations,British spelling,metric units,24-hour clock,dependency injection,composition over inheritance,table-driven tests,monorepos,code comments that explain why,conventional commits,trailing commas,vim key bindings,plain text e-mails,phone calls,voice messages,video calls,window seats,aisle seats,paperback books,e-books,public transport,walking,morning meetings,late shifts,working from home,cash,credit cards,quiet restaurants,loud music,cold weather,early mornings",
    "reason": "it is faster,it is cheaper,it was too slow,the licence does not allow it,nobody maintains it any more,customers complained,it breaks on Windows,it leaks memory,the noise keeps her awake,the doctor said so,it is closer to home,of the allergy,the contract ends then,it was easier to read,of the new regulation,the old one broke,the budget was cut,it hurts his knees,the lease runs out,we had an outage,two people were ill,it does not scale,the supplier raised prices,the kids are still small,the tests were flaky",
    "product": "the starter plan,the premium plan,the red backpack,the office chair,model X200,the gift card,the spare battery,the annual licence,the water filter,the standing desk,the organic coffee beans,the rain jacket,the wireless mouse,the training bundle,the ceramic mug,the solar lamp,the desk lamp,the e-bike",
    "customer": "{last} & Sons,Northwind Bakery,Bluebird Travel,Acorn School,Hillside Clinic,Tidewater Logistics,the customer from {place},{first} {last},Lumen Studio,Greenfield Farms,Harbor Books,Vertex Labs",
    "issue": "the invoice was sent twice,the parcel never arrived,the password reset e-mail did not come,the screen is cracked,the app crashes on start,the order was cancelled by mistake,the discount code does not work,the delivery was late,the wrong size was shipped,the subscription cannot be cancelled,the refund is still missing,the battery drains too fast,the address was wrong,the export is empty,the colour does not match the picture,the page loads slowly,the login fails,the card was charged twice,the manual is missing,a part is missing",
    "adj": "new,old,blue,small,big,broken,heavy,cheap,expensive,green,wooden,quiet,urgent,important,weekly,annual,black,second-hand,wireless,spare,shared,private,temporary,{wadj},{wadj}",
    "chore": "water the plants,renew the passport,pay the rent,call the bank,book the flights,clean the gutters,pick up the dry cleaning,buy a birthday present for {person},return the library books,cancel the gym membership,feed the {pet},change the tyres,file the tax return,order more {food},repair the {thing},send the invoice to {customer},renew the {thing} insurance,update the CV,back up the photos,bring the {thing} to {place},ask {person} about {project},reply to {person},review the pull request for {project},rotate the keys,write the release notes,restock {product},prepare the slides for the {event},sign the contract with {customer},fix the flaky test in {path},{devact} {project}",
    "trait": "is allergic to {food},hates {food},loves {food},does not eat {food},is vegetarian,is vegan,is afraid of flying,cannot drive,speaks {subject} and Spanish,plays the piano,works night shifts,lives in {place},grew up in {place},moved to {place},is left-handed,is colour-blind,suffers from {ailment},takes {medicine} every day,is training for a marathon,is expecting a baby,got divorced,retired last year,used to work in {team},studies {subject},teaches {subject},collects stamps,has two children,is getting married on {day},is on parental leave,wears size 42 shoes,wears glasses,prefers {style},likes {hobby},is good at {subject},does not drink alcohol,is always late,snores,is hard of hearing,quit smoking,owns a {pet} called {petname}",
}  # fmt: skip

NOTES = """{person} {trait}.
{person} {trait} because {reason}.
{person} {trait} and {trait}.
{person} prefers {style} over {style}.
{person} prefers {style} to {style}, because {reason}.
I prefer {style}.
I like {food} but not {food}.
I {verb} {noun} every {day}.
The user wants {style} in all answers.
The user asked to always use {style} in {lang} code.
Use {style} in {lang} files, never {style}.
We decided to {devact} {project} because {reason}.
Decision: {project} moves from {tool} to {tool}, since {reason}.
{project} uses {tool} {version} and {lang}.
{project} was moved to {host} on {day}.
To {chore}, ask {person} first.
To restart {project}, run `{command}` on {host}.
Run `{command}` before every commit.
`{command}` fails with "{error}" when {host} is down.
The error "{error}" in {path} came from {ident}; setting {ident} to {amount} fixed it.
{ident} lives in {path} and is called by {ident}.
{ident} in {path} must not be changed without asking {person}.
The default of {ident} is {amount}; on {host} it is {amount}.
{tool} was upgraded to {version} on {day}.
We pinned {tool} to {version} because {reason}.
Do not {devact} {project} before {day}.
The {event} is on {day} at {time}.
The {event} with {person} was moved from {day} to {day}.
The {event} on {day} is cancelled because {reason}.
The {event} takes place in {place}; {person} brings the {thing}.
{person} has a {event} on {day} at {time}.
{person} will {chore} by {day}.
Remember to {chore}.
Remind me to {chore} on {day}.
Todo: {chore}, {chore}.
TODO {chore} before {day}
{chore} - done on {day}
The {thing} is in {spot}.
The {adj} {thing} is kept in {spot}, next to the {noun}.
{person} keeps the {thing} in {spot}.
{person} lent the {thing} to {person}.
{person} bought a {adj} {thing} for {money}.
The {thing} costs {money} and the warranty ends on {day}.
The {thing} broke on {day}; {person} will repair it.
The code for {spot} is {amount}{amount}.
The rent went up from {money} to {money}.
{person} pays {money} for {subject} lessons.
{person}'s birthday is on {day}.
{person}'s phone number changed.
{person} moved from {place} to {place} in {day}.
{person} left {team} and joined {team}.
{person} is the new {role} of {team}.
{person} replaced {person} as {role} on {day}.
{person} is responsible for {project}.
{person} and {person} work together on {project}.
{person} is on holiday until {day}; {person} stands in.
{person} goes to {hobby} every {day} at {time}.
{person} started {hobby} after {ailment}.
{person} takes {medicine} for {ailment}, {amount} a day.
{person} must not take {medicine}.
The doctor told {person} to avoid {food} because of {ailment}.
The {pet} is called {petname} and {trait}.
{petname} the {pet} has an appointment with the vet on {day}.
{person} flies to {place} on {day} and comes back on {day}.
The {vehicle} to {place} leaves at {time}.
{person} takes the {vehicle} to work.
The trip to {place} costs {money} per person.
We stayed in {place} near the {noun}, it was {wadj}.
{customer} reported that {issue}.
{customer} asked for a refund because {issue}.
{customer} is on {product} and pays {money}.
{customer} upgraded to {product} on {day}.
{customer} cancelled {product} because {reason}.
Refunds above {money} need the approval of {person}.
Orders before {time} are shipped on the same day.
{product} is out of stock until {day}.
{product} costs {money} since {day}, before that {money}.
Supplier {last} delivers {product} every {day}.
Support answers within {amount} on weekdays.
Meeting with {customer} on {day}: they want us to {devact} {project}, {person} follows up.
Meeting notes: {person} reported on {project}; {person} will {chore}; next meeting on {day}.
Incident on {day}: {project} was down for {amount} because of "{error}". {person} restarted {host}. Follow-up: {chore}.
Post-mortem of {project}: the cause was {error} on {host}; fix by {person}, {devact} {project} next.
The recipe for {food} needs {amount} {food} and {food}; bake for {amount}.
{person} recommended the book about {noun} and {noun}.
{person} recommended a restaurant in {place} with good {food}.
The film about the {wadj} {noun} was {wadj}.
The password for {tool} is in the password manager under {host}.
The backup of {host} runs every night at {time}.
The logs of {project} are in {path}.
Feature flag {ident} is off on {host}.
{project} reads {ident} from {path}.
{project} must answer within {amount}.
The limit for uploads was raised from {amount} to {amount}.
The API of {tool} allows {amount} requests per minute.
Never {devact} {project} on a Friday.
{first} said: "{issue}, {reason}."
"I will {chore} on {day}", said {first}.
{first}: did you {verb} the {noun}?
{first}: yes, the {noun} is {wadj} now, {reason}
{first} {verb}s the {noun} with a {noun}.
The {noun} of the {noun} is {wadj}.
{person} thinks the {noun} is too {wadj}.
{person} was {wadj} about the {noun} and the {noun}.
My {kin} taught me how to {verb} a {noun}.
It is {wadj} to {verb} {noun} in {place}.
no {food} for {person}
{thing}: {spot}
{event} {day} {time}
{person}: {hobby} on {day}s
wifi password on the {noun} in {spot}
{tool} {version} -> {version}
{person} earns {money}
{person} wants to learn {subject} this year.
{person} dreams of opening a {noun} shop in {place}.
{person} feels {wadj} since the {event}.
{person} apologised for the {noun}.
{person} disagreed with {person} about {project}.
{person} has not {chore} yet.
Nobody is allowed to {verb} the {noun} in {spot}.
The school of {first}'s {kin} starts at {time}.
The {role} comes on {day} to look at the {thing}.
The {role} is called {first} {last} and charges {money} an hour.
The insurance does not cover the {thing}.
The contract with {customer} ends on {day}, notice period {amount}.
The team agreed on {style} for {project}.
{lang} code in {project} is formatted with {style}; the linter is {tool}.
We store {noun} data in {tool}, not in {tool}.
The {adj} {noun} replaced the {adj} {noun}.""".splitlines()

QUESTIONS = """where is the {thing}?
where does {person} keep the {thing}?
where did I put the {adj} {thing}
who has the {thing}?
who is the {role}?
who is responsible for {project}?
who should I ask about {project}?
who do I contact when {issue}?
who {verb}s the {noun}?
when is the {event}?
when does {person} have the {event}?
what time is the {event} on {day}
when did {person} move to {place}?
when was {tool} upgraded?
when does the {vehicle} to {place} leave?
why did we {devact} {project}?
why did {customer} cancel?
why does {person} avoid {food}?
why was the {event} moved?
why are we not using {tool}?
how much does {product} cost?
how much is the rent?
how much did the {thing} cost
how much does {person} pay for the {thing}?
how many {noun}s does {person} have?
how do I restart {project}?
how do I {verb} the {noun}?
how to fix "{error}"
how does {person} get to work?
how long do I have to {verb} the {noun}?
what does {person} not eat?
what does {person} like to do in the free time?
what is {person} allergic to?
what food should I avoid when cooking for {person}?
what should I get {person} as a present?
what is wrong with the {thing}?
what did {person} say about {project}?
what did {customer} complain about?
what version of {tool} are we on?
what is the default of {ident}?
what does {ident} do?
what happened on {day}?
what did we decide about {project}?
what does the doctor recommend for {ailment}?
what medicine does {person} take?
what is the name of the {pet}?
what is {first}'s job?
what are {first}'s hobbies?
what languages does {person} speak?
what do I still have to do before {day}?
which editor theme does the user like?
which {noun} is {wadj}?
which database does {project} use?
which file defines {ident}?
which customers are on {product}?
which plan is {customer} on?
which port does {project} use?
which team is {person} in?
does {person} drink alcohol?
does {person} have pets?
does {person} like {food}?
is {person} married?
is it okay to {devact} {project}?
is the {thing} still under warranty?
can I {verb} the {noun} in {spot}?
can {person} drive?
do we ship to {place}?
did {person} {chore}?
has {person} {verb}ed the {noun}?
are there any {wadj} {noun}s?
should I use {style} or {style}?
preferred formatting for {lang}
{lang} code style
indentation and naming in {lang}
how does the user want answers formatted
{person} diet
{person} dietary restrictions
{person} contact
{person} {hobby}
{first} {last} role
{project} deployment
{project} owner
{project} database
{ident} location
{error} fix
{error} cause
{tool} version
{event} date
{noun} {noun}
{noun}
{wadj} {noun}
{thing} warranty
{food} allergy
travel plans for {day}
health problems of {person}
medication for {ailment}
kids' school times
weekly commitments of {person}
refund policy
shipping times
opening hours
price of {product}
open tasks for {project}
old address of {person}
previous {role}
what was the price of {product} before?
where did {person} live before {place}?
who was the {role} before {first}?
tell me about {person}
tell me everything about {project}
anything about {noun} and {noun}?
what do you know about {first}'s {kin}?
remind me what {person} wanted
find the note about the {noun}
latest status of {project}
steps to {verb} a {noun}
rules for {verb}ing {noun}s
how we handle {noun}s when {issue}
whom to call if the {thing} breaks
pets in the family
what to cook for {person}
evening activities of {person}
commute of {person}
budget for {project}
deadline of {project}
reason for the {tool} outage
who approves refunds
sick leave cover for {person}
gift ideas for {first}
favourite drink of {person}
things that annoy {person}
fear of {person}
where can I find the logs
command for running the tests
how to connect to {host}
how is the {noun} different from the {noun}?
what makes the {noun} {wadj}?
what causes {noun}?
who invented the {noun}?
what is the opposite of {wadj}?
explain {noun} to me""".splitlines()


def common_words(wordnet: Path) -> dict[str, list[str]]:
    """WordNet's words by part of speech, those that its sense-tagged texts used at least twice; commoner words repeat."""
    kinds = {"1": "noun", "2": "verb", "3": "wadj", "5": "wadj"}
    words = {kind: {} for kind in kinds.values()}
    for line in (wordnet / "usr/share/wordnet/cntlist.rev").read_text().splitlines():
        key, _, count = line.split()
        lemma, kind = key.split("%")
        if int(count) >= 2 and kind[0] in kinds and lemma.isalpha() and len(lemma) > 2:
            words[kinds[kind[0]]][lemma] = words[kinds[kind[0]]].get(lemma, 0) + int(count)
    return {kind: [w for w, n in sorted(found.items()) for _ in range(1 + min(n, 40) // 10)] for kind, found in words.items()}


class Grammar:
    def __init__(self, wordnet: Path, seed: int):
        self.rng = random.Random(seed)
        # Commas inside numbers ("1,200") are cut too; the halves are amounts as good as the whole.
        self.lists = {name: words.split(",") for name, words in LISTS.items()} | common_words(wordnet)

    def fill(self, template: str) -> str:
        while "{" in template:
            template = re.sub(r"\{(\w+)\}", lambda m: self.rng.choice(self.lists[m[1]]), template)
        return template

    def note(self) -> str:
        text = self.fill(self.rng.choice(NOTES))
        if self.rng.random() < 0.2:
            text += " " + self.fill(self.rng.choice(NOTES))
        return text[:1].upper() + text[1:] if self.rng.random() < 0.85 else text

    def question(self) -> str:
        text = self.fill(self.rng.choice(QUESTIONS))
        if self.rng.random() < 0.3:
            text = text.rstrip("?")
        return text[:1].upper() + text[1:] if self.rng.random() < 0.4 else text
